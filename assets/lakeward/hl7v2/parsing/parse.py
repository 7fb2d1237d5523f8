"""Turns message bodies into the rows of the flat tables, all messages of a batch at once.

Messages that share their separators are split together (`columnar`); the few with separators of
their own go one by one (`reference`), to the same result. Values that hold escapes or subcomponents
are finished one by one. The three states of a value come out as: absent NULL, cleared the two
characters `""`, set the decoded text. Where rows come from and go to is not known here.

Source: HL7 v2.5.1 chapter 2, section 2.5.3 (fields: the three states of a value).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.hl7v2.arrays import Bools, Ints, text_bytes, text_offsets
from lakeward.hl7v2.parsing.columnar import SplitMessages, split_messages
from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes
from lakeward.hl7v2.parsing.field_index import FieldIndex, field_shift
from lakeward.hl7v2.parsing.reference import parse_one_by_one
from lakeward.hl7v2.parsing.segments import ChildSpec, Leaf, SegmentSpec
from lakeward.hl7v2.parsing.times import Zone, parse_dates, parse_times

_HEADER = 12
"""Bytes at the start of a body that hold its separators: `MSH|^~\\&#|` and some to spare."""
_FEW = 32
"""Up to so many messages of the same separators are parsed one by one: setting up costs more."""

_ORIGIN = (("row", pa.int64()), ("segment", pa.int64()), ("patient_group", pa.int64()))
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
    offsets: Ints | None = None
    offset_first: bool = False

    def zone_of(self, rows: Ints) -> Zone:
        """Return how the times of some messages are read."""
        offsets = None if self.offsets is None else self.offsets[rows]
        return Zone(self.zone, offsets, self.offset_first)


@dataclass(frozen=True)
class _Group:
    """Messages that share their separators, with their numbers in the whole."""

    split: SplitMessages
    separators: Separators
    rows: Ints
    messages: Messages


def parse(messages: Messages, specs: Sequence[SegmentSpec], few: int = _FEW) -> dict[str, pa.Table]:
    """Parse messages into the rows of every flat table that gets any, by name of the table.

    Grain: one row per segment of a spec's name; in child tables one per repeat of their fields that
    holds a value. Rows stand in order of message and segment. Columns:

        row            int64   index of the message in `messages`
        segment        int64   number of the segment in the message, from 1
        patient_group  int64   number of PID segments in the message up to here
        repeat         int64   child tables: number among the repeats of the field, from 1
        kind           string  child tables of several fields: which of them
        ...                    columns of the spec (`Leaf.columns`), those that hold a value; `_at`
                               is a timestamp in UTC

    Args:
        messages: The messages.
        specs: What to look for.
        few: Groups of up to so many messages with the same separators are parsed one by one.
    """
    parts: dict[str, list[pa.Table]] = {}
    index = _index(tuple(specs))
    for separators, rows in _groups(messages.bodies):
        if len(rows) <= few:
            found = _parse_few(messages, separators, rows, specs)
        else:
            found = _parse_many(messages, separators, rows, specs, index)
        for table, part in found:
            parts.setdefault(table, []).append(part)
    return {table: _merge(found) for table, found in parts.items()}


@lru_cache(maxsize=8)
def _index(specs: tuple[SegmentSpec, ...]) -> FieldIndex:
    return FieldIndex.build(specs)


def _merge(parts: list[pa.Table]) -> pa.Table:
    if len(parts) == 1:
        return parts[0]
    whole = pa.concat_tables(parts, promote_options="default")
    # groups were parsed one after the other: rows go back to the order of the messages
    order = [n for n in ("row", "segment", "kind", "repeat") if n in whole.column_names]
    return whole.sort_by([(name, "ascending") for name in order])


def _groups(bodies: pa.Array) -> Iterator[tuple[Separators, Ints]]:
    """Group the messages by their separators; those without usable ones are left out."""
    heads, which = _heads(bodies)
    by_separators: dict[Separators, list[int]] = {}
    for index, head in enumerate(heads):
        separators = Separators.of(head)
        if separators is not None:
            by_separators.setdefault(separators, []).append(index)
    # several heads have the same separators: what follows MSH-2 is in the head too
    for separators, heads_of in by_separators.items():
        yield separators, np.flatnonzero(np.isin(which, heads_of))


def _heads(bodies: pa.Array) -> tuple[list[str], Ints]:
    """Return the distinct first bytes of all bodies as text, and which of them each body has."""
    offsets, data = text_offsets(bodies), text_bytes(bodies)
    if not len(bodies):
        return [], offsets[:0]
    at = offsets[:-1, None].astype(np.int64) + np.arange(_HEADER)
    inside = at < offsets[1:, None]
    heads = np.where(inside, data[np.minimum(at, len(data) - 1)], 0).astype(np.uint8)
    heads = heads.view(f"S{_HEADER}").ravel()
    # nearly always all are the same, and comparing is cheaper than sorting
    if (heads == heads[0]).all():
        return [heads[0].decode("utf-8", "replace")], np.zeros(len(bodies), np.int64)
    distinct, which = np.unique(heads, return_inverse=True)
    # a character cut in two stands past the separators, or they are not usable anyway
    return [head.decode("utf-8", "replace") for head in distinct.tolist()], which


def _parse_few(
    messages: Messages, separators: Separators, rows: Ints, specs: Sequence[SegmentSpec]
) -> Iterator[tuple[str, pa.Table]]:
    texts = messages.bodies.take(pa.array(rows)).to_pylist()
    codecs = [messages.codecs[row] for row in rows.tolist()]
    found = parse_one_by_one(zip(rows.tolist(), texts, codecs, strict=True), separators, specs)
    leaves = {spec.table: spec.leaves for spec in specs}
    leaves |= {f"hl7v2__{child.table}": child.leaves for spec in specs for child in spec.children}
    for table, columns in found.items():
        typed = {name: pa.array(columns.pop(name), kind) for name, kind in _ORIGIN}
        if "repeat" in columns:
            typed["repeat"] = pa.array(columns.pop("repeat"), pa.int64())
        if "kind" in columns:
            typed["kind"] = pa.array(columns.pop("kind"), pa.string())
        for leaf in leaves[table]:
            texts = pa.array(columns[leaf.name], pa.string())
            typed |= _typed(leaf, texts, messages, typed["row"])
        yield table, pa.table(typed)


def _parse_many(
    messages: Messages,
    separators: Separators,
    rows: Ints,
    specs: Sequence[SegmentSpec],
    index: FieldIndex,
) -> Iterator[tuple[str, pa.Table]]:
    whole = len(rows) == len(messages.bodies)
    bodies = messages.bodies if whole else messages.bodies.take(pa.array(rows))
    group = _Group(split_messages(bodies, separators, index), separators, rows, messages)
    for spec in specs:
        segments = group.split.segments(spec.segment)
        if len(segments):
            yield spec.table, _main_rows(group, spec, segments)
            for child in spec.children:
                table = _child_rows(group, spec.segment, child)
                if table.num_rows:
                    yield f"hl7v2__{child.table}", table


def _main_rows(group: _Group, spec: SegmentSpec, segments: Ints) -> pa.Table:
    """Build the main table of a segment, of the first repeat of each field."""
    split = group.split
    columns = _origin(group, segments)
    for leaf in spec.leaves:
        span = split.find(spec.segment, leaf.field, leaf.component)
        if span.start == span.stop:
            continue  # no message has a value: the column is left out, and filled with NULL later
        repetition = split.repetition[span]
        chosen = None
        # a main table has one row a segment, so of a field that repeats it takes the first repeat
        is_first = split.repeat.take(repetition) == 1
        if not is_first.all():
            chosen = np.flatnonzero(is_first)
            repetition = repetition[is_first]
        at = split.local.take(split.segment.take(repetition))
        found = _Found(span, chosen, at, len(segments))
        columns |= _values(group, leaf, found, columns["row"])
    return pa.table(columns)


def _child_rows(group: _Group, segment: str, child: ChildSpec) -> pa.Table:
    """Build a child table: one row per repetition of its fields in which some leaf has a value."""
    split = group.split
    spans_of = {
        leaf.name: [split.find(segment, field, leaf.component) for field, _ in child.fields]
        for leaf in child.leaves
    }
    valued = np.zeros(len(split.segment), bool)
    for spans in spans_of.values():
        for span in spans:
            valued[split.repetition[span]] = True
    # a child row exists where any leaf has a value: an empty `~~` in between gives no row, but
    # counts in the numbers of the repeats after it
    repetitions = np.flatnonzero(valued)
    row_of = np.zeros(len(valued), np.intp)
    row_of[repetitions] = np.arange(len(repetitions))
    columns = _origin(group, split.segment[repetitions])
    columns["repeat"] = pa.array(split.repeat[repetitions].astype(np.int64))
    if child.has_kind:
        columns["kind"] = _kinds(child, split.field[repetitions] + field_shift(segment))
    fixed = len(columns)
    for leaf in child.leaves:
        found = _found(split, spans_of[leaf.name], row_of, len(repetitions))
        if len(found.at):
            columns |= _values(group, leaf, found, columns["row"])
    table = pa.table(columns)
    return table if split.has_subcomponent is None else _without_empty(table, fixed)


def _kinds(child: ChildSpec, fields: Ints) -> pa.Array:
    """Name the field that each row comes from, as the spec names it."""
    numbers = np.array([number for number, _ in child.fields])
    order = np.argsort(numbers)
    indices = order[np.searchsorted(numbers[order], fields)].astype(np.int32)
    names = pa.array([kind for _, kind in child.fields], pa.string())
    return names.take(pa.array(indices))


def _without_empty(table: pa.Table, fixed: int) -> pa.Table:
    """Drop repeats whose subcomponents hold nothing; the others keep their number.

    A component like `&&` has a token, so it gets a row, and none of its subcomponents a value.
    """
    valued = np.zeros(table.num_rows, bool)
    for column in table.columns[fixed:]:
        if pa.types.is_string(column.type):
            valued |= np.asarray(column.is_valid())
    return table.filter(pa.array(valued))


def _origin(group: _Group, segments: Ints) -> dict[str, pa.Array]:
    split = group.split
    return {
        "row": pa.array(group.rows[split.rows[segments]]),
        "segment": pa.array(split.ordinals[segments]),
        "patient_group": pa.array(split.groups[segments]),
    }


@dataclass(frozen=True)
class _Found:
    """The values of a leaf, and the row each goes to.

    Attributes:
        span: Which of `SplitMessages.values`.
        chosen: Which of the span, when not all.
        at: Row of each chosen value.
        count: How many rows the column has.
    """

    span: slice
    chosen: Ints | None
    at: Ints
    count: int

    def marked(self, marks: Bools | None) -> Ints:
        """Return the rows of the values that are marked."""
        if marks is None:
            return self.at[:0]
        marked = marks[self.span]
        return self.at[marked if self.chosen is None else marked[self.chosen]]

    def texts(self, split: SplitMessages) -> pa.Array:
        """Build the column of the values, NULL in rows without one."""
        if self.chosen is None:
            return split.column(self.span, self.at, self.count)
        value_of = np.full(self.count, -1, np.int64)
        value_of[self.at] = self.chosen + self.span.start
        return split.values.take(pa.array(value_of, mask=value_of < 0))


def _found(split: SplitMessages, spans: Sequence[slice], row_of: Ints, count: int) -> _Found:
    """Find the values of a leaf whose fields stand in some spans."""
    filled = [span for span in spans if span.start < span.stop] or [slice(0, 0)]
    if len(filled) == 1:
        return _Found(filled[0], None, row_of[split.repetition[filled[0]]], count)
    # a child of several fields (home and business telephone) takes its values from several spans
    chosen = np.concatenate([np.arange(span.start, span.stop) for span in filled])
    everything = slice(0, len(split.repetition))
    return _Found(everything, chosen, row_of[split.repetition[chosen]], count)


def _values(group: _Group, leaf: Leaf, found: _Found, rows: pa.Array) -> dict[str, pa.Array]:
    """Build the columns of one leaf.

    Subcomponents are split first and escapes decoded last: an escaped `&` belongs to the value and
    must not split it. Both are rare, so only marked values are looked at.
    """
    split = group.split
    texts = found.texts(split)
    if leaf.subcomponent:
        if len(found.marked(split.has_subcomponent)):
            texts = _subcomponent(texts, group.separators.subcomponent, leaf.subcomponent)
        elif leaf.subcomponent > 1:
            return {}  # no value has a separator, so each is all first subcomponent
    escaped = found.marked(split.has_escape)
    if len(escaped):
        texts = _decode(group, texts, rows, np.sort(escaped))
    return _typed(leaf, texts, group.messages, rows)


def _typed(leaf: Leaf, texts: pa.Array, messages: Messages, rows: pa.Array) -> dict[str, pa.Array]:
    """Build the columns of a leaf from its texts; `rows` says which message each is of."""
    if leaf.kind == "text":
        return {leaf.name: texts}
    names = [column.name for column in leaf.columns()]
    if leaf.kind == "date":
        return dict(zip(names, (parse_dates(texts), texts), strict=True))
    zone = messages.zone_of(np.asarray(rows))
    return dict(zip(names, (texts, *parse_times(texts, zone)), strict=True))


def _subcomponent(texts: pa.Array, separator: str, number: int) -> pa.Array:
    """Take one subcomponent out of each text; NULL where there is none or it is empty."""
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
    """Replace the texts of some rows by what their escapes stand for."""
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
