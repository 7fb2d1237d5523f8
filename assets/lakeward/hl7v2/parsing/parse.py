"""Turns message bodies into the rows of the flat tables, all messages of a batch at once.

Messages that share their separators are split together (`tokens`); the few with separators of their
own go one by one (`exact`), to the same result. Values that hold escapes or subcomponents are
finished one by one. Three states of a value come out as: absent NULL, cleared the two characters
`""`, set the decoded text. Where rows come from and go to is not known here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.parsing.columnar import Ints, Tokens, tokenise
from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes
from lakeward.hl7v2.parsing.field_index import Wanted, shift
from lakeward.hl7v2.parsing.reference import exact_rows
from lakeward.hl7v2.parsing.segments import ChildSpec, Leaf, SegmentSpec
from lakeward.hl7v2.parsing.times import Zone, parse_dates, parse_times

_HEADER = 12
_FEW = 32
"""Up to so many messages of the same separators are parsed one by one: setting up costs more."""

_PLACE = (("row", pa.int64()), ("segment", pa.int64()), ("patient_group", pa.int64()))
_NO_TEXT = pa.scalar(None, pa.string())


@dataclass(frozen=True)
class Messages:
    """Bodies as stored: each segment ends with CR, and each body starts with MSH.

    Attributes:
        bodies: A column of text without nulls.
        codecs: For each body, the codec of bytes that are given as hex escapes.
        zone: IANA zone of times without an offset.
        offsets: For each body the offset of MSH-7 in seconds, see `times.Zone`.
        offset_first: MSH-7's offset goes before the zone.
    """

    bodies: pa.Array
    codecs: Sequence[str]
    zone: str
    offsets: NDArray[np.int64] | None = None
    offset_first: bool = False

    def zone_of(self, rows: Ints) -> Zone:
        """Say how the times of some messages are read."""
        offsets = None if self.offsets is None else self.offsets[rows]
        return Zone(self.zone, offsets, self.offset_first)


@dataclass(frozen=True)
class _Group:
    """Messages that share their separators, with their numbers in the whole."""

    tokens: Tokens
    separators: Separators
    rows: Ints
    messages: Messages


def parse(messages: Messages, specs: Sequence[SegmentSpec], few: int = _FEW) -> dict[str, pa.Table]:
    """Give the rows of every flat table that gets any.

    Each table has `row` (index of the message), `segment`, `patient_group`, for child tables
    `repeat` (and `kind`), and those columns of its spec that hold a value; rows stand in order of
    message.

    Args:
        messages: The messages.
        specs: What to look for.
        few: Groups of up to so many messages with the same separators take the exact path.
    """
    parts: dict[str, list[pa.Table]] = {}
    wanted = _wanted(tuple(specs))
    for separators, rows in _groups(messages.bodies):
        if len(rows) <= few:
            found = _one_by_one(messages, separators, rows, specs)
        else:
            found = _together(messages, separators, rows, specs, wanted)
        for table, part in found:
            parts.setdefault(table, []).append(part)
    return {table: _merge(found) for table, found in parts.items()}


@lru_cache(maxsize=8)
def _wanted(specs: tuple[SegmentSpec, ...]) -> Wanted:
    return Wanted.of(specs)


def _merge(parts: list[pa.Table]) -> pa.Table:
    if len(parts) == 1:
        return parts[0]
    whole = pa.concat_tables(parts, promote_options="default")
    order = [n for n in ("row", "segment", "kind", "repeat") if n in whole.column_names]
    return whole.sort_by([(name, "ascending") for name in order])


def _groups(bodies: pa.Array) -> Iterator[tuple[Separators, Ints]]:
    """Split the messages by their separators; those without usable ones are left out."""
    heads, which = _heads(bodies)
    by_separators: dict[Separators, list[int]] = {}
    for index, head in enumerate(heads):
        separators = Separators.of(head)
        if separators is not None:
            by_separators.setdefault(separators, []).append(index)
    for separators, heads_of in by_separators.items():
        yield separators, np.flatnonzero(np.isin(which, heads_of))


def _heads(bodies: pa.Array) -> tuple[list[str], Ints]:
    """Give the distinct first bytes of all bodies as text, and which each has."""
    offsets_buffer, data_buffer = bodies.buffers()[1:]
    offsets = np.frombuffer(offsets_buffer, np.int32)[bodies.offset :][: len(bodies) + 1]
    if not len(bodies):
        return [], offsets[:0]
    data = np.frombuffer(data_buffer, np.uint8)
    at = offsets[:-1, None].astype(np.int64) + np.arange(_HEADER)
    inside = at < offsets[1:, None]
    heads = np.where(inside, data[np.minimum(at, len(data) - 1)], 0).astype(np.uint8)
    heads = heads.view(f"S{_HEADER}").ravel()
    if (heads == heads[0]).all():
        return [heads[0].decode("utf-8", "replace")], np.zeros(len(bodies), np.int64)
    distinct, which = np.unique(heads, return_inverse=True)
    # a character cut in two stands past the separators, or they are not usable anyway
    return [head.decode("utf-8", "replace") for head in distinct.tolist()], which


def _one_by_one(
    messages: Messages, separators: Separators, rows: Ints, specs: Sequence[SegmentSpec]
) -> Iterator[tuple[str, pa.Table]]:
    texts = messages.bodies.take(pa.array(rows)).to_pylist()
    codecs = [messages.codecs[row] for row in rows.tolist()]
    found = exact_rows(zip(rows.tolist(), texts, codecs, strict=True), separators, specs)
    leaves = {spec.table: spec.leaves for spec in specs}
    leaves |= {f"hl7v2__{child.table}": child.leaves for spec in specs for child in spec.children}
    for table, columns in found.items():
        place = {name: pa.array(columns.pop(name), kind) for name, kind in _PLACE}
        if "repeat" in columns:
            place["repeat"] = pa.array(columns.pop("repeat"), pa.int64())
        if "kind" in columns:
            place["kind"] = pa.array(columns.pop("kind"), pa.string())
        for leaf in leaves[table]:
            texts = pa.array(columns[leaf.name], pa.string())
            place |= _typed(leaf, texts, messages, place["row"])
        yield table, pa.table(place)


def _together(
    messages: Messages,
    separators: Separators,
    rows: Ints,
    specs: Sequence[SegmentSpec],
    wanted: Wanted,
) -> Iterator[tuple[str, pa.Table]]:
    whole = len(rows) == len(messages.bodies)
    bodies = messages.bodies if whole else messages.bodies.take(pa.array(rows))
    group = _Group(tokenise(bodies, separators, wanted), separators, rows, messages)
    for spec in specs:
        segments = group.tokens.segments(spec.segment)
        if len(segments):
            yield spec.table, _main(group, spec, segments)
            for child in spec.children:
                table = _children(group, spec.segment, child)
                if table.num_rows:
                    yield f"hl7v2__{child.table}", table


def _main(group: _Group, spec: SegmentSpec, segments: Ints) -> pa.Table:
    tokens = group.tokens
    columns = _place(group, segments)
    for leaf in spec.leaves:
        span = tokens.at(spec.segment, leaf.field, leaf.component)
        if span.start == span.stop:
            continue
        unit = tokens.unit[span]
        chosen = None
        leading = tokens.repeat.take(unit) == 1
        if not leading.all():
            chosen = np.flatnonzero(leading)
            unit = unit[leading]
        places = tokens.local.take(tokens.segment.take(unit))
        found = _Found(span, chosen, places, len(segments))
        columns |= _values(group, leaf, found, columns["row"])
    return pa.table(columns)


def _children(group: _Group, segment: str, child: ChildSpec) -> pa.Table:
    """Give the rows of a child table: every unit of its fields in which some leaf has a value."""
    tokens = group.tokens
    places = {
        leaf.name: [tokens.at(segment, field, leaf.component) for field, _ in child.fields]
        for leaf in child.leaves
    }
    valued = np.zeros(len(tokens.segment), bool)
    for spans in places.values():
        for span in spans:
            valued[tokens.unit[span]] = True
    units = np.flatnonzero(valued)
    place = np.zeros(len(valued), np.intp)
    place[units] = np.arange(len(units))
    columns = _place(group, tokens.segment[units])
    columns["repeat"] = pa.array(tokens.repeat[units].astype(np.int64))
    if child.has_kind:
        columns["kind"] = _kinds(child, tokens.field[units] + shift(segment))
    fixed = len(columns)
    for leaf in child.leaves:
        found = _found(tokens, places[leaf.name], place, len(units))
        if len(found.places):
            columns |= _values(group, leaf, found, columns["row"])
    table = pa.table(columns)
    return table if tokens.divided is None else _without_empty(table, fixed)


def _kinds(child: ChildSpec, fields: Ints) -> pa.Array:
    numbers = np.array([number for number, _ in child.fields])
    order = np.argsort(numbers)
    indices = order[np.searchsorted(numbers[order], fields)].astype(np.int32)
    names = pa.array([kind for _, kind in child.fields], pa.string())
    return names.take(pa.array(indices))


def _without_empty(table: pa.Table, fixed: int) -> pa.Table:
    """Drop repeats whose subcomponents hold nothing; the others keep their number."""
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


@dataclass(frozen=True)
class _Found:
    """The values of a leaf: a span of `Tokens.values`, or some of it, and where each goes."""

    span: slice
    chosen: Ints | None
    places: Ints
    count: int

    def of(self, marks: NDArray[np.bool_] | None) -> Ints:
        """Give the places of the values that are marked."""
        if marks is None:
            return self.places[:0]
        marked = marks[self.span]
        return self.places[marked if self.chosen is None else marked[self.chosen]]

    def texts(self, values: Tokens) -> pa.Array:
        """Give them as a column, NULL where none stands."""
        if self.chosen is None:
            return values.column(self.span, self.places, self.count)
        at = np.full(self.count, -1, np.int64)
        at[self.places] = self.chosen + self.span.start
        return values.values.take(pa.array(at, mask=at < 0))


def _found(tokens: Tokens, spans: Sequence[slice], place: Ints, count: int) -> _Found:
    """Find the values of a leaf whose fields stand in some spans."""
    held = [span for span in spans if span.start < span.stop] or [slice(0, 0)]
    if len(held) == 1:
        return _Found(held[0], None, place[tokens.unit[held[0]]], count)
    chosen = np.concatenate([np.arange(span.start, span.stop) for span in held])
    return _Found(slice(0, len(tokens.unit)), chosen, place[tokens.unit[chosen]], count)


def _values(group: _Group, leaf: Leaf, found: _Found, rows: pa.Array) -> dict[str, pa.Array]:
    """Give the columns of one leaf: the subcomponent first, then escapes, so neither splits."""
    tokens = group.tokens
    texts = found.texts(tokens)
    if leaf.subcomponent:
        if len(found.of(tokens.divided)):
            texts = _subcomponent(texts, group.separators.subcomponent, leaf.subcomponent)
        elif leaf.subcomponent > 1:
            return {}
    escaped = found.of(tokens.escaped)
    if len(escaped):
        texts = _decode(group, texts, rows, np.sort(escaped))
    return _typed(leaf, texts, group.messages, rows)


def _typed(leaf: Leaf, texts: pa.Array, messages: Messages, rows: pa.Array) -> dict[str, pa.Array]:
    if leaf.kind == "text":
        return {leaf.name: texts}
    names = [column.name for column in leaf.columns()]
    if leaf.kind == "date":
        return dict(zip(names, (parse_dates(texts), texts), strict=True))
    zone = messages.zone_of(np.asarray(rows))
    return dict(zip(names, (texts, *parse_times(texts, zone)), strict=True))


def _subcomponent(texts: pa.Array, separator: str, number: int) -> pa.Array:
    parts = pc.split_pattern(texts, separator)
    offsets = np.asarray(parts.offsets)
    at = offsets[:-1] + number - 1
    valid = (at < offsets[1:]) & np.asarray(texts.is_valid())
    values = parts.values
    if not len(values):
        return pa.nulls(len(texts), pa.string())
    taken = values.take(pa.array(np.where(valid, at, 0), mask=~valid))
    return pc.if_else(pc.equal(taken, ""), _NO_TEXT, taken)


def _decode(group: _Group, texts: pa.Array, rows: pa.Array, escaped: Ints) -> pa.Array:
    codecs = group.messages.codecs
    owners = np.asarray(rows)[escaped].tolist()
    values = texts.take(pa.array(escaped)).to_pylist()
    decoded = [
        None if value is None else decode_escapes(value, group.separators, codecs[row])
        for value, row in zip(values, owners, strict=True)
    ]
    mask = np.zeros(len(texts), bool)
    mask[escaped] = True
    return pc.replace_with_mask(texts, pa.array(mask), pa.array(decoded, pa.string()))
