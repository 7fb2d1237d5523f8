"""Turns message bodies into the rows of the flat tables, all messages of a batch at once.

Messages that share their separators are split together (`tokens`); values that hold escapes or
subcomponents are finished one by one. Three states of a value come out as: absent NULL, cleared the
two characters `""`, set the decoded text. Where rows come from and go to is not known here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.escapes import Separators, decode_escapes
from lakeward.hl7v2.segments import ChildSpec, Leaf, SegmentSpec
from lakeward.hl7v2.times import INSTANT, parse_dates, parse_times
from lakeward.hl7v2.tokens import (
    Ints,
    Selection,
    Span,
    Tokens,
    component,
    select,
    tokenise,
)

_HEADER = 12
_TEXT = pa.string()


@dataclass(frozen=True)
class Messages:
    """Bodies as stored: each segment ends with CR, and each body starts with MSH.

    Attributes:
        bodies: A column of text without nulls.
        codecs: For each body, the codec of bytes that are given as hex escapes.
        zone: IANA zone of times without an offset.
    """

    bodies: pa.Array
    codecs: Sequence[str]
    zone: str


@dataclass(frozen=True)
class _Group:
    """Messages that share their separators, with their numbers in the whole."""

    tokens: Tokens
    separators: Separators
    rows: Ints
    messages: Messages


def parse(messages: Messages, specs: Sequence[SegmentSpec]) -> dict[str, pa.Table]:
    """Give the rows of every flat table.

    Each table has `row` (index of the message), `segment`, `patient_group`, for child tables
    `repeat` (and `kind`), and the columns of its spec; rows stand in order of message.
    """
    parts: dict[str, list[pa.Table]] = {}
    for group in _groups(messages):
        for spec in specs:
            selection = select(group.tokens, spec.segment)
            parts.setdefault(spec.table, []).append(_main(group, spec, selection))
            for child in spec.children:
                rows = _children(group, child, selection)
                parts.setdefault(f"hl7v2__{child.table}", []).append(rows)
    return {table: _merge(found) for table, found in parts.items()}


def _merge(parts: list[pa.Table]) -> pa.Table:
    if len(parts) == 1:
        return parts[0]
    order = [n for n in ("row", "segment", "kind", "repeat") if n in parts[0].column_names]
    return pa.concat_tables(parts).sort_by([(name, "ascending") for name in order])


def _groups(messages: Messages) -> Iterator[_Group]:
    """Split the messages by their separators; those without usable ones are left out."""
    heads = pc.utf8_slice_codeunits(messages.bodies, 0, _HEADER)
    encoded = pc.dictionary_encode(heads)
    indices = np.asarray(encoded.indices)
    by_separators: dict[Separators, list[int]] = {}
    for index, head in enumerate(encoded.dictionary.to_pylist()):
        separators = Separators.of(head)
        if separators is not None:
            by_separators.setdefault(separators, []).append(index)
    for separators, heads_of in by_separators.items():
        rows = np.flatnonzero(np.isin(indices, heads_of))
        whole = len(rows) == len(messages.bodies)
        bodies = messages.bodies if whole else messages.bodies.take(pa.array(rows))
        yield _Group(tokenise(bodies, separators), separators, rows, messages)


def _main(group: _Group, spec: SegmentSpec, selection: Selection) -> pa.Table:
    columns = _place(group, selection.segments)
    spans: dict[int, Span] = {}
    for leaf in spec.leaves:
        if leaf.field not in spans:
            spans[leaf.field] = selection.first_repeat(leaf.field)
        columns |= _values(group, leaf, spans[leaf.field], columns["row"])
    return pa.table(columns)


def _children(group: _Group, child: ChildSpec, selection: Selection) -> pa.Table:
    tables = []
    for field, kind in child.fields:
        span, owner, number = selection.repeats(field)
        columns = _place(group, selection.segments[owner])
        columns["repeat"] = pa.array(number)
        if child.has_kind:
            columns["kind"] = pa.array([kind] * len(owner), _TEXT)
        fixed = len(columns)
        for leaf in child.leaves:
            columns |= _values(group, leaf, span, columns["row"])
        tables.append(_without_empty(pa.table(columns), fixed))
    return _merge(tables)


def _without_empty(table: pa.Table, fixed: int) -> pa.Table:
    """Drop repeats that hold nothing; the others keep their number."""
    valued = np.zeros(table.num_rows, bool)
    for column in table.columns[fixed:]:
        if pa.types.is_string(column.type):
            valued |= np.asarray(column.is_valid())
    return table.filter(pa.array(valued))


def _place(group: _Group, segments: Ints) -> dict[str, pa.Array]:
    tokens = group.tokens
    return {
        "row": pa.array(group.rows[tokens.rows[segments]]),
        "segment": pa.array(tokens.ordinals[segments]),
        "patient_group": pa.array(tokens.groups[segments]),
    }


def _values(group: _Group, leaf: Leaf, span: Span, rows: pa.Array) -> dict[str, pa.Array]:
    """Give the columns of one leaf."""
    texts = component(group.tokens, span, leaf.component)
    if texts is not None:
        texts = _finish(group, leaf, texts, rows)
    names = [c.name for c in leaf.columns()]
    if texts is None:
        kinds = _KINDS[leaf.kind]
        return {n: pa.nulls(len(rows), k) for n, k in zip(names, kinds, strict=True)}
    if leaf.kind == "text":
        return {leaf.name: texts}
    if leaf.kind == "date":
        return dict(zip(names, (parse_dates(texts), texts), strict=True))
    return dict(zip(names, (texts, *parse_times(texts, group.messages.zone)), strict=True))


_KINDS = {
    "text": (_TEXT,),
    "date": (pa.date32(), _TEXT),
    "ts": (_TEXT, INSTANT, _TEXT, _TEXT),
}


def _finish(group: _Group, leaf: Leaf, texts: pa.Array, rows: pa.Array) -> pa.Array:
    """Pick the subcomponent, then decode escapes: in this order, so that neither splits a value."""
    separators = group.separators
    if leaf.subcomponent:
        split = group.tokens.has_subcomponents
        if split:
            texts = _subcomponent(texts, separators.subcomponent, leaf.subcomponent)
        elif leaf.subcomponent > 1:
            return pa.nulls(len(texts), _TEXT)
    if not group.tokens.has_escapes:
        return texts
    escaped = np.asarray(pc.match_substring(texts, separators.escape).fill_null(False))  # noqa: FBT003
    return _decode(group, texts, rows, escaped) if escaped.any() else texts


def _subcomponent(texts: pa.Array, separator: str, number: int) -> pa.Array:
    parts = pc.split_pattern(texts, separator)
    offsets = np.asarray(parts.offsets)
    at = offsets[:-1] + number - 1
    valid = (at < offsets[1:]) & np.asarray(texts.is_valid())
    values = parts.values
    if not len(values):
        return pa.nulls(len(texts), _TEXT)
    taken = values.take(pa.array(np.where(valid, at, 0), mask=~valid))
    return pc.if_else(pc.equal(taken, ""), pa.scalar(None, _TEXT), taken)


def _decode(group: _Group, texts: pa.Array, rows: pa.Array, escaped: NDArray[np.bool_]) -> pa.Array:
    codecs, at = group.messages.codecs, np.flatnonzero(escaped)
    owners = np.asarray(rows)[at].tolist()
    values = texts.take(pa.array(at)).to_pylist()
    decoded = [
        decode_escapes(value, group.separators, codecs[row])
        for value, row in zip(values, owners, strict=True)
    ]
    return pc.replace_with_mask(texts, pa.array(escaped), pa.array(decoded, _TEXT))
