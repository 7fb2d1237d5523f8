"""Splits many messages at once and finds the values that specs ask for, in columns.

All messages here share their separators. Bytes are looked at a few times as arrays, never message
by message. Only fields that a spec asks for are looked into. One segment, and its index arrays:

    byte          0  1  2  3  4  5  6  7  8  9 10 11 12
    text          P  I  D  |  1  |  7  ^  M  R  ~  8 CR
    positions              3     5     7       10    12    every separator; token i ends at i
    tokens        [--0--]    [1]   [2]   [-3-]    [4]      what lies between two separators
    stops                  0     1              3     4    all separators but ^, as index of a token
    repetitions   [--0--]    [1]   [----2----]    [3]      one repetition of one field
    field         0          1     2              2        number of | before it in the segment
    closing                                           3    CR, as index of a repetition

A token that is asked for is a value, and has a slot (`field_index`). The values found are copied
once, sorted by slot: a column is a stretch of them, and one that is empty costs nothing.

A whole load with this takes about 25,000 messages in a second of CPU; a parser that takes one after
the other manages some hundreds (docs/performance.md). Decision 7 has ways that were slower.

Source: HL7 v2.5.1 chapter 2, section 2.5.4 (message delimiters).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.arrays import CR, Bools, Bytes, Ints, text_bytes, text_offsets
from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.hl7v2.parsing.field_index import FIELDS, FieldIndex, segment_code

SLICE = 1 << 20
"""Bytes that are split at once. The index arrays of larger slices are several megabytes each, which
the allocator takes from the system and gives back every time: page faults were 40 % of the work."""


@dataclass(frozen=True)
class SplitMessages:
    """The values that specs ask for in some messages, and the segments they stand in.

    Attributes:
        index: What was asked for.
        values: Texts that are not empty, by slot and then in order of the messages.
        repetition: For each value, the repetition it stands in.
        bounds: `values[bounds[s]:bounds[s + 1]]` are those of slot `s`.
        segment: For each repetition, its segment.
        field: For each repetition, its field, counted in separators.
        repeat: For each repetition, its number among those of its field, from 1.
        by_name: Segments, by name (as `FieldIndex.names`, those without a spec last) and in order.
        name_bounds: Where each name starts in `by_name`.
        local: For each segment, its number among those of its name, from 0.
        rows: For each segment, its message.
        ordinals: For each segment, its number in its message, from 1.
        groups: For each segment, the number of PID segments in its message up to it.
        has_escape: For each value whether it holds the escape character; None when none does.
        has_subcomponent: The same for the subcomponent separator.
    """

    index: FieldIndex
    values: pa.Array
    repetition: Ints
    bounds: Ints
    segment: Ints
    field: Ints
    repeat: Ints
    by_name: Ints
    name_bounds: Ints
    local: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints
    has_escape: Bools | None
    has_subcomponent: Bools | None

    def segments(self, name: str) -> Ints:
        """Return the segments of a name that has a spec, in order."""
        at = int(np.searchsorted(self.index.names, segment_code(name)))
        return self.by_name[self.name_bounds[at] : self.name_bounds[at + 1]]

    def find(self, name: str, field: int, component: int) -> slice:
        """Return which of the values stand in a component of a field."""
        slot = self.index.slot_of.get((name, field, component), 0)
        return slice(int(self.bounds[slot]), int(self.bounds[slot + 1])) if slot else slice(0, 0)

    def column(self, span: slice, at: Ints, count: int) -> pa.Array:
        """Build a column of `count` texts out of a span of the values, without copying a byte.

        Args:
            span: Which values.
            at: Row of each; ascending.
            count: Length of the column; other rows are NULL.
        """
        if len(at) == count:
            return self.values[span]
        # an empty row has the offset of the row before it, so the bytes stay where they are
        offsets = text_offsets(self.values)
        filled = np.zeros(count + 1, np.int32)
        filled[at + 1] = np.diff(offsets[span.start : span.stop + 1])
        filled[0] = int(offsets[span.start])
        valid = np.zeros(count, bool)
        valid[at] = True
        buffers = [
            pa.py_buffer(np.packbits(valid, bitorder="little")),
            pa.py_buffer(np.cumsum(filled, dtype=np.int32)),
            self.values.buffers()[2],
        ]
        return pa.Array.from_buffers(pa.string(), count, buffers)


def split_messages(bodies: pa.Array, separators: Separators, index: FieldIndex) -> SplitMessages:
    """Split messages that share their separators; each body ends with CR."""
    offsets, data = text_offsets(bodies), text_bytes(bodies)
    cuts = _cuts(offsets)
    slices = [_split_slice(data, offsets[a : b + 1], separators, index) for a, b in pairwise(cuts)]
    whole = _Slice(*(np.concatenate(each) for each in zip(*_renumber(slices, cuts), strict=True)))
    # stable, so values of a slot stay in order; slots and names have 16 bits, so this is a radix
    # sort, linear in the number of values
    order = np.argsort(whole.slot, kind="stable")
    values = _gather(bodies.buffers()[2], whole.start, whole.end, order)
    by_name = np.argsort(whole.names, kind="stable")
    name_bounds = _bounds(whole.names, len(index.names) + 1)
    local = np.empty(len(by_name), np.int64)
    local[by_name] = np.arange(len(by_name)) - name_bounds[whole.names[by_name]]
    return SplitMessages(
        index=index,
        values=values,
        repetition=whole.repetition.take(order),
        bounds=_bounds(whole.slot, len(index.slot_of) + 1),
        segment=whole.segment,
        field=whole.field,
        repeat=whole.repeat,
        by_name=by_name,
        name_bounds=name_bounds,
        local=local,
        rows=whole.rows,
        ordinals=whole.ordinals,
        groups=whole.groups,
        has_escape=_holding(values, separators.escape),
        has_subcomponent=_holding(values, separators.subcomponent),
    )


class _Slice(NamedTuple):
    """What a slice of the messages holds; only repetitions that a spec asks for are kept.

    Attributes:
        start: First byte of each value, in order.
        end: Byte after its last.
        slot: Slot of each value.
        repetition: Repetition of each value.
        segment: Segment of each repetition.
        field: Field of each repetition, counted in separators.
        repeat: Number of each repetition among those of its field, from 1.
        names: Index of the name of each segment, see `_Segments.names`.
        rows: Message of each segment.
        ordinals: Number of each segment in its message, from 1.
        groups: Number of PID segments in the message up to each segment.
    """

    start: Ints
    end: Ints
    slot: Ints
    repetition: Ints
    segment: Ints
    field: Ints
    repeat: Ints
    names: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints


def _cuts(offsets: Ints) -> list[int]:
    """Cut messages into slices of bounded size: the first of each, and how many there are."""
    number = (offsets[1:] - offsets[0]) // SLICE
    return [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(offsets) - 1]


def _renumber(slices: Sequence[_Slice], cuts: Sequence[int]) -> list[_Slice]:
    """Number the repetitions, segments and messages of all slices through."""
    repetitions = segments = 0
    renumbered = []
    for each, first in zip(slices, cuts, strict=False):
        renumbered.append(
            each._replace(
                repetition=each.repetition + repetitions,
                segment=each.segment + segments,
                rows=each.rows + first,
            )
        )
        repetitions, segments = repetitions + len(each.segment), segments + len(each.rows)
    return renumbered


def _split_slice(data: Bytes, offsets: Ints, separators: Separators, index: FieldIndex) -> _Slice:
    """Split a slice of the messages.

    Args:
        data: Bytes of all messages.
        offsets: Where each message of the slice starts in them, and where the last ends.
        separators: What to split at.
        index: What to look for.
    """
    base = int(offsets[0])
    data = data[base : int(offsets[-1])]
    marks = _find_separators(data, separators)
    segments = _Segments.of(data, marks, offsets[1:] - base)
    names = segments.names(index)
    asked, keys = _find_repetitions(marks, names, index, separators)
    start, end, slot, repetition = _find_tokens(marks, asked, keys, index)
    segment = np.repeat(np.arange(len(names), dtype=np.int32), marks.sizes)
    return _Slice(
        start=(start + base).astype(np.int32),
        end=(end + base).astype(np.int32),
        slot=slot,
        repetition=repetition,
        segment=segment.take(asked),
        field=keys % FIELDS,
        repeat=_repeat_numbers(marks.stop_kinds, separators.repeat).take(asked),
        names=names,
        rows=segments.rows,
        ordinals=segments.ordinals,
        groups=segments.groups,
    )


class _Marks(NamedTuple):
    """The separators of a slice, as drawn at the top of this module.

    Attributes:
        positions: Each separator; token `i` ends at `positions[i]`.
        stops: Last token of each repetition.
        stop_kinds: The separator after it.
        first_tokens: First token of each repetition.
        begins: First byte of each repetition.
        ends: Byte after its last.
        opening: First repetition of each segment, which is its name.
        closing: Last repetition of each segment.
        sizes: How many repetitions each segment has.
    """

    positions: Ints
    stops: Ints
    stop_kinds: Bytes
    first_tokens: Ints
    begins: Ints
    ends: Ints
    opening: Ints
    closing: Ints
    sizes: Ints


def _find_separators(data: Bytes, separators: Separators) -> _Marks:
    """Find every separator but that of subcomponents: few values have one (`has_subcomponent`)."""
    is_separator = data == CR
    for separator in filter(None, (separators.field, separators.component, separators.repeat)):
        is_separator |= data == ord(separator)
    positions = np.flatnonzero(is_separator)
    kinds = data.take(positions)
    stops = np.flatnonzero(kinds != ord(separators.component))
    stop_kinds, ends = kinds.take(stops), positions.take(stops)
    closing = np.flatnonzero(stop_kinds == CR)
    return _Marks(
        positions=positions,
        stops=stops,
        stop_kinds=stop_kinds,
        first_tokens=_after(stops),
        begins=_after(ends),
        ends=ends,
        opening=_after(closing),
        closing=closing,
        sizes=np.diff(closing, prepend=-1),
    )


def _find_repetitions(
    marks: _Marks, names: Ints, index: FieldIndex, separators: Separators
) -> tuple[Ints, Ints]:
    """Find the repetitions that hold something and stand in a field that a spec asks for.

    Returns:
        The repetitions, and the key (`segment * 256 + field`) of each.
    """
    bars = (marks.stop_kinds == ord(separators.field)).astype(np.int32)
    bars_before = np.cumsum(bars, dtype=np.int32) - bars
    bars_before_segment = bars_before.take(marks.opening)
    # bars before a repetition - bars before its segment = its field: both terms of the key that
    # are the same for a whole segment are put together before they are spread over its repetitions
    origin = names.astype(np.int32) * FIELDS - bars_before_segment
    keys = bars_before + np.repeat(origin, marks.sizes)
    fields_of_segment = bars_before.take(marks.closing) - bars_before_segment
    if len(fields_of_segment) and int(fields_of_segment.max()) >= FIELDS:
        # the key of field 256 would be that of field 0 of the next segment; nobody asks for key 0
        field = bars_before - np.repeat(bars_before_segment, marks.sizes)
        keys[field >= FIELDS] = 0
    # most repetitions are empty: they are left out first, by the cheaper of the two questions
    valued = np.flatnonzero(marks.ends > marks.begins)
    asked = valued.compress(index.first.take(keys.take(valued)) > 0)
    return asked, keys.take(asked)


def _find_tokens(
    marks: _Marks, asked: Ints, keys: Ints, index: FieldIndex
) -> tuple[Ints, Ints, Ints, Ints]:
    """Find the tokens that are asked for and not empty.

    Each repetition is expanded to as many tokens as it has, and no more than are asked for:

        sizes              2     1           tokens to look at, of each repetition
        expanded           0  1  2           all of them, numbered through
        repetition         0  0  1           whose token each is
        token              5  6  9           which token of the slice it is

    Args:
        marks: The separators.
        asked: The repetitions to look into.
        keys: Segment and field of each.
        index: What to look for.

    Returns:
        Of each token its first byte, the byte after its last, its slot, and its repetition as an
        index into `asked`.
    """
    first, last = marks.first_tokens.take(asked), marks.stops.take(asked)
    sizes = np.minimum(last - first + 1, index.width.take(keys))
    skipped = np.cumsum(sizes) - sizes
    repetition = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    expanded = np.arange(len(repetition))
    token = expanded + (first - skipped).take(repetition)
    slot = index.slots.take(expanded + (index.first.take(keys) - skipped).take(repetition))
    # token 0 is the name of the first segment, which is never asked for, so each has one before it
    start, end = marks.positions.take(token - 1) + 1, marks.positions.take(token)
    kept = np.flatnonzero((slot > 0) & (end > start))
    return start.take(kept), end.take(kept), slot.take(kept), repetition.take(kept)


@dataclass(frozen=True)
class _Segments:
    """Of each segment: name (as a number), message, number in it, and patient group."""

    codes: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints

    @classmethod
    def of(cls, data: Bytes, marks: _Marks, ends: Ints) -> "_Segments":
        """Look at the segments of some messages; `ends` is the byte after the last of each."""
        starts = marks.begins.take(marks.opening)
        name_ends = marks.positions.take(marks.first_tokens.take(marks.opening))
        codes = _segment_codes(data, starts, name_ends - starts)
        terminators = marks.ends.take(marks.closing)
        counts = np.diff(np.searchsorted(terminators, ends, side="left"), prepend=0)
        rows = np.repeat(np.arange(len(counts)), counts)
        before = (np.cumsum(counts) - counts)[rows]
        patients = np.cumsum(codes == segment_code("PID"))
        groups = patients - np.append(0, patients)[before]
        return cls(codes, rows, np.arange(len(rows)) - before + 1, groups)

    def names(self, index: FieldIndex) -> Ints:
        """Return where each name stands in `FieldIndex.names`; its length for any other name."""
        if not len(index.names):
            return np.zeros(len(self.codes), np.uint16)
        at = np.searchsorted(index.names, self.codes)
        has_spec = index.names[np.minimum(at, len(index.names) - 1)] == self.codes
        return np.where(has_spec, at, len(index.names)).astype(np.uint16)


def _segment_codes(data: Bytes, starts: Ints, lengths: Ints) -> Ints:
    """Read segment names as numbers; 0 for what is not three bytes long."""
    if not len(starts):
        return starts.astype(np.int64)
    end = len(data) - 1  # a name that is cut short is not three bytes long, so what is read is moot
    a, b, c = (data[np.minimum(starts + k, end)].astype(np.int64) for k in range(3))
    return np.where(lengths == 3, (a << 16) | (b << 8) | c, 0)


def _gather(data: pa.Buffer | None, starts: Ints, ends: Ints, order: Ints) -> pa.Array:
    """Copy some stretches of text that follow each other into another order.

    Arrow has no kernel that copies by start and end. But starts and ends by turns are the offsets
    of a column in which every other text is what lies between two values:

        start end start end        offsets of  value, between, value
    """
    if not len(order):
        return pa.array([], pa.string())
    edges = np.empty(2 * len(starts), np.int32)
    edges[0::2], edges[1::2] = starts, ends
    buffers = [None, pa.py_buffer(edges), data]
    return pa.Array.from_buffers(pa.string(), len(edges) - 1, buffers).take(pa.array(order * 2))


def _bounds(numbers: Ints, count: int) -> Ints:
    """Return where each of `count` numbers starts when they are sorted, and where the last ends."""
    return np.append(0, np.cumsum(np.bincount(numbers, minlength=count)))


def _after(stops: Ints) -> Ints:
    """Return where each of some consecutive stretches starts, from where they stop."""
    starts = np.empty_like(stops)
    if len(stops):
        starts[0] = 0
        np.add(stops[:-1], 1, out=starts[1:])
    return starts


def _repeat_numbers(stop_kinds: Bytes, separator: str) -> Ints:
    """Number the repetitions of each field from 1; few are any but the first."""
    numbers = np.ones(len(stop_kinds), np.int32)
    if separator:
        later = np.flatnonzero(stop_kinds[:-1] == ord(separator)) + 1
        index = np.arange(len(later))
        # in a run of consecutive repetitions the first is number 2, and each later one counts on
        opens_run = np.diff(later, prepend=-1) != 1
        numbers[later] = index - np.maximum.accumulate(np.where(opens_run, index, 0)) + 2
    return numbers


def _holding(values: pa.Array, character: str) -> Bools | None:
    """Mark the values that hold a character; None when none does, which is the usual case."""
    data = text_bytes(values)
    if not character or not len(data):
        return None
    found = np.flatnonzero(data == ord(character))
    if not len(found):
        return None
    marked = np.zeros(len(values), bool)
    offsets = text_offsets(values)
    marked[np.searchsorted(offsets, found[found < offsets[-1]], side="right") - 1] = True
    return marked
