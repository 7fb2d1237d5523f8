"""Finds the values that specs ask for in a slice of the messages, on bytes.

All messages here share their separators. Bytes are looked at a few times as arrays, never message
by message. Only fields that a spec asks for are looked into. One segment, and its index arrays:

    byte          0  1  2  3  4  5  6  7  8  9 10 11 12
    text          P  I  D  |  1  |  7  ^  M  R  ~  8 CR
    positions              3     5     7       10    12    every separator; one ends each token
    tokens        [--0--]    [1]   [2]   [-3-]    [4]      what lies between two separators
    stops                  0     1              3     4    tokens that end at another one than ^
    repetitions   [--0--]    [1]   [----2----]    [3]      one repetition of one field
    field         0          1     2              2        number of | before it in the segment
    closing                                           3    repetitions that end at CR

A token that is asked for and not empty is a value, and has a slot (`field_index`). How values
become columns is in `columnar`.

Source: HL7 v2.5.1 chapter 2, section 2.5.4 (message delimiters).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lakeward.hl7v2.arrays import CR, Bytes, Ints
from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.hl7v2.parsing.field_index import FIELDS, FieldIndex, segment_code


class MessageSlice(NamedTuple):
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


def split_slice(
    data: Bytes, offsets: Ints, separators: Separators, index: FieldIndex
) -> MessageSlice:
    """Split a slice of the messages.

    Args:
        data: Bytes of all messages.
        offsets: Where each message of the slice starts in them, and where the last ends.
        separators: What to split at.
        index: What to look for.
    """
    base = int(offsets[0])
    # all that follows counts bytes from the start of the slice: its arrays stay small and in cache
    data = data[base : int(offsets[-1])]
    marks = _find_separators(data, separators)
    segments = _Segments.of(data, marks, offsets[1:] - base)
    names = segments.names(index)
    asked, keys = _find_repetitions(marks, names, index, separators)
    start, end, slot, repetition = _find_tokens(marks, asked, keys, index)
    # np.repeat spreads a fact about each segment over all its repetitions
    segment = np.repeat(np.arange(len(names), dtype=np.int32), marks.sizes)
    return MessageSlice(
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
    # one comparison for each separator takes a 25th of the time of np.isin over all of them
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
    # 32 bits are enough for a slice, and half as much memory to move as NumPy's own choice
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
        # `counts`: segments of each message; `before`: segments of the messages before it
        rows = np.repeat(np.arange(len(counts)), counts)
        before = (np.cumsum(counts) - counts)[rows]
        # A group is what follows a PID up to the next one: ADT^A17 swaps the beds of two patients,
        # and each PV1 belongs to the PID before it.
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
