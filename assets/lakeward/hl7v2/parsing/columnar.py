"""Splits many messages at once and finds the values that are wanted, in columns.

All messages here share their separators. Bytes are looked at a few times as arrays, never message
by message, a stretch at a time that the processor's cache holds. What lies between two separators
is a token; tokens between field or repeat separators make a unit (one repeat of one field). Only
units of wanted fields are looked into. The tokens found are copied once, sorted by the place they
stand in: a column is a stretch of them, and one that is empty costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.hl7v2.parsing.field_index import FIELDS, Wanted, name_code

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

CR = 13
_STRETCH = 1 << 20
"""Bytes that are split at once; with more, memory is asked of the system again and again."""


@dataclass(frozen=True)
class Tokens:
    """The wanted values of some messages, and the segments they stand in.

    Attributes:
        values: Wanted values that are not empty, by slot and then by place.
        unit: Unit of each of them.
        bounds: `values[bounds[s]:bounds[s + 1]]` are those of slot `s`.
        segment: Segment of each unit.
        field: Field of each unit, counted in separators.
        repeat: Place of each unit among the repeats of its field, from 1.
        by_name: Segments, by name (as `Wanted.names`; those not wanted last) and then by place.
        name_bounds: Where each name starts in `by_name`.
        local: Place of each segment among those of its name.
        rows: Message of each segment.
        ordinals: Place of each segment in its message, from 1.
        groups: Number of PID segments in the message up to each segment.
        escaped: Whether each value holds an escape character; None when none does.
        divided: The same for the subcomponent separator.
    """

    wanted: Wanted
    values: pa.Array
    unit: Ints
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
    escaped: Bools | None
    divided: Bools | None

    def segments(self, name: str) -> Ints:
        """Find the segments of a wanted name, in order."""
        at = int(np.searchsorted(self.wanted.names, name_code(name)))
        return self.by_name[self.name_bounds[at] : self.name_bounds[at + 1]]

    def at(self, name: str, field: int, component: int) -> slice:
        """Find the values that stand in a place."""
        slot = self.wanted.places.get((name, field, component), 0)
        return slice(int(self.bounds[slot]), int(self.bounds[slot + 1])) if slot else slice(0, 0)

    def column(self, span: slice, places: Ints, count: int) -> pa.Array:
        """Give a column of `count` texts without copying any: a span of the values, at its places.

        Args:
            span: Which values.
            places: Where each goes; ascending.
            count: Length of the column; other places are NULL.
        """
        if len(places) == count:
            return self.values[span]
        offsets = np.frombuffer(self.values.buffers()[1], np.int32)
        first = int(offsets[span.start])
        filled = np.zeros(count + 1, np.int32)
        filled[places + 1] = np.diff(offsets[span.start : span.stop + 1])
        filled[0] = first
        valid = np.zeros(count, bool)
        valid[places] = True
        buffers = [
            pa.py_buffer(np.packbits(valid, bitorder="little")),
            pa.py_buffer(np.cumsum(filled, dtype=np.int32)),
            self.values.buffers()[2],
        ]
        return pa.Array.from_buffers(pa.string(), count, buffers)


def tokenise(bodies: pa.Array, separators: Separators, wanted: Wanted) -> Tokens:
    """Split messages that share their separators; each body ends with CR."""
    offsets_buffer, data_buffer = bodies.buffers()[1:]
    offsets = np.frombuffer(offsets_buffer, np.int32)[bodies.offset :][: len(bodies) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)
    cuts = _cuts(offsets)
    parts = [_split(data, offsets[a : b + 1], separators, wanted) for a, b in pairwise(cuts)]
    whole = _Part(*(np.concatenate(arrays) for arrays in zip(*_joined(parts, cuts), strict=True)))
    order = np.argsort(whole.slot, kind="stable")
    values = _gather(data_buffer, whole.start, whole.end, order)
    by_name = np.argsort(whole.names, kind="stable")
    name_bounds = _bounds(whole.names, len(wanted.names) + 1)
    local = np.empty(len(by_name), np.int64)
    local[by_name] = np.arange(len(by_name)) - name_bounds[whole.names[by_name]]
    return Tokens(
        wanted=wanted,
        values=values,
        unit=whole.unit.take(order),
        bounds=_bounds(whole.slot, len(wanted.places) + 1),
        segment=whole.segment,
        field=whole.field,
        repeat=whole.repeat,
        by_name=by_name,
        name_bounds=name_bounds,
        local=local,
        rows=whole.rows,
        ordinals=whole.ordinals,
        groups=whole.groups,
        escaped=_holding(values, separators.escape),
        divided=_holding(values, separators.subcomponent),
    )


class _Part(NamedTuple):
    """What a stretch of messages holds.

    Attributes:
        start: First byte of each value, in order.
        end: Byte after its last.
        slot: Slot of each value.
        unit: Unit of each value.
        segment: Segment of each unit.
        field: Field of each unit, counted in separators.
        repeat: Place of each unit among the repeats of its field, from 1.
        names: Index of the name of each segment, see `_Segments.names`.
        rows: Message of each segment.
        ordinals: Place of each segment in its message, from 1.
        groups: Number of PID segments in the message up to each segment.
    """

    start: Ints
    end: Ints
    slot: Ints
    unit: Ints
    segment: Ints
    field: Ints
    repeat: Ints
    names: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints


def _cuts(offsets: Ints) -> list[int]:
    """Cut messages into stretches of bounded size: the first of each, and how many there are."""
    stretch = (offsets[1:] - offsets[0]) // _STRETCH
    return [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(offsets) - 1]


def _joined(parts: Sequence[_Part], cuts: Sequence[int]) -> list[_Part]:
    """Count the units, segments and messages of all stretches through."""
    units = segments = 0
    joined = []
    for part, first in zip(parts, cuts, strict=False):
        joined.append(
            part._replace(
                unit=part.unit + units, segment=part.segment + segments, rows=part.rows + first
            )
        )
        units, segments = units + len(part.segment), segments + len(part.rows)
    return joined


def _split(data: NDArray[np.uint8], offsets: Ints, separators: Separators, wanted: Wanted) -> _Part:
    base = int(offsets[0])
    data = data[base : int(offsets[-1])]
    is_separator = data == CR
    for separator in filter(None, (separators.field, separators.component, separators.repeat)):
        is_separator |= data == ord(separator)
    positions = np.flatnonzero(is_separator)
    kinds = data.take(positions)
    stops = np.flatnonzero(kinds != ord(separators.component))
    stop_kinds, ends = kinds.take(stops), positions.take(stops)
    closing = np.flatnonzero(stop_kinds == CR)
    opening = _after(closing)
    begins = _after(ends)
    first_tokens = positions.take(_after(stops).take(opening))
    segments = _Segments.of(
        data, begins.take(opening), first_tokens, ends.take(closing), offsets[1:] - base
    )
    names = segments.names(wanted)
    bars = (stop_kinds == ord(separators.field)).astype(np.int32)
    before = np.cumsum(bars, dtype=np.int32) - bars
    # the bars before a unit in its segment, after the index of the segment's name
    origin = names.astype(np.int32) * FIELDS - before.take(opening)
    sizes = np.diff(closing, prepend=-1)
    place = before + np.repeat(origin, sizes)
    if len(closing) and int((before.take(closing) - before.take(opening)).max()) >= FIELDS:
        beyond = before - np.repeat(before.take(opening), sizes) >= FIELDS
        place[beyond] = 0
    valued = np.flatnonzero(ends > begins)
    valued = valued.compress(wanted.first.take(place.take(valued)) > 0)
    place = place.take(valued)
    start, end, slot, unit = _find(
        wanted, place, _after(stops).take(valued), stops.take(valued), positions
    )
    return _Part(
        start=(start + base).astype(np.int32),
        end=(end + base).astype(np.int32),
        slot=slot,
        unit=unit,
        segment=np.repeat(np.arange(len(closing), dtype=np.int32), sizes).take(valued),
        field=place % FIELDS,
        repeat=_repeats(stop_kinds, separators.repeat).take(valued),
        names=names,
        rows=segments.rows,
        ordinals=segments.ordinals,
        groups=segments.groups,
    )


@dataclass(frozen=True)
class _Segments:
    """Name (as a number), message, place and patient group of each segment."""

    codes: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints

    @classmethod
    def of(
        cls, data: NDArray[np.uint8], starts: Ints, name_ends: Ints, last: Ints, ends: Ints
    ) -> "_Segments":
        """Look at the segments that start, have their first separator and end at these bytes.

        Args:
            data: The messages.
            starts: First byte of each segment.
            name_ends: Its first separator.
            last: Its terminator.
            ends: Byte after the last of each message.
        """
        codes = _codes(data, starts, name_ends - starts)
        counts = np.diff(np.searchsorted(last, ends, side="left"), prepend=0)
        rows = np.repeat(np.arange(len(counts)), counts)
        before = (np.cumsum(counts) - counts)[rows]
        seen = np.cumsum(codes == name_code("PID"))
        groups = seen - np.append(0, seen)[before]
        return cls(codes, rows, np.arange(len(rows)) - before + 1, groups)

    def names(self, wanted: Wanted) -> Ints:
        """Give the index of each name among the wanted; their number for any other."""
        if not len(wanted.names):
            return np.zeros(len(self.codes), np.uint16)
        at = np.searchsorted(wanted.names, self.codes)
        known = wanted.names[np.minimum(at, len(wanted.names) - 1)] == self.codes
        return np.where(known, at, len(wanted.names)).astype(np.uint16)


def _find(
    wanted: Wanted, place: Ints, starts: Ints, stops: Ints, positions: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Find the wanted tokens that are not empty: first byte, byte after the last, slot, unit.

    Args:
        wanted: What to look for.
        place: Segment and field of each unit that is asked for and holds something.
        starts: First token of each unit.
        stops: Its last token.
        positions: The separator that ends each token.
    """
    sizes = np.minimum(stops - starts + 1, wanted.width.take(place))
    skipped = np.cumsum(sizes) - sizes
    unit = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    count = np.arange(len(unit))
    token = count + (starts - skipped).take(unit)
    slot = wanted.slots.take(count + (wanted.first.take(place) - skipped).take(unit))
    # the first token of all is the name of a segment, so none asked for lacks one before it
    start, end = positions.take(token - 1) + 1, positions.take(token)
    kept = np.flatnonzero((slot > 0) & (end > start))
    return start.take(kept), end.take(kept), slot.take(kept), unit.take(kept)


def _gather(data: pa.Buffer | None, starts: Ints, ends: Ints, order: Ints) -> pa.Array:
    """Copy some stretches of text that follow each other into another order."""
    if not len(order):
        return pa.array([], pa.string())
    edges = np.empty(2 * len(starts), np.int32)
    edges[0::2], edges[1::2] = starts, ends
    buffers = [None, pa.py_buffer(edges), data]
    # every other element is what stands between two values
    return pa.Array.from_buffers(pa.string(), len(edges) - 1, buffers).take(pa.array(order * 2))


def _bounds(numbers: Ints, count: int) -> Ints:
    """Give where each of `count` numbers starts when they are sorted, and where the last ends."""
    return np.append(0, np.cumsum(np.bincount(numbers, minlength=count)))


def _after(stops: Ints) -> Ints:
    """Give where each of some consecutive stretches starts, from where they stop."""
    starts = np.empty_like(stops)
    if len(stops):
        starts[0] = 0
        np.add(stops[:-1], 1, out=starts[1:])
    return starts


def _repeats(stop_kinds: NDArray[np.uint8], separator: str) -> Ints:
    """Number the repeats of each field from 1; few units are any but the first."""
    numbers = np.ones(len(stop_kinds), np.int32)
    if separator:
        later = np.flatnonzero(stop_kinds[:-1] == ord(separator)) + 1
        index = np.arange(len(later))
        opens = np.diff(later, prepend=-1) != 1
        numbers[later] = index - np.maximum.accumulate(np.where(opens, index, 0)) + 2
    return numbers


def _codes(data: NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:
    if not len(starts):
        return starts.astype(np.int64)
    end = len(data) - 1  # a name that is cut short is not three bytes long, so what is read is moot
    a, b, c = (data[np.minimum(starts + k, end)].astype(np.int64) for k in range(3))
    return np.where(lengths == 3, (a << 16) | (b << 8) | c, 0)


def _holding(values: pa.Array, character: str) -> Bools | None:
    """Mark the values that hold a character; None when none does."""
    offsets_buffer, data_buffer = values.buffers()[1:]
    if not character or not data_buffer:
        return None
    held = np.flatnonzero(np.frombuffer(data_buffer, np.uint8) == ord(character))
    if not len(held):
        return None
    marked = np.zeros(len(values), bool)
    offsets = np.frombuffer(offsets_buffer, np.int32)[: len(values) + 1]
    marked[np.searchsorted(offsets, held[held < offsets[-1]], side="right") - 1] = True
    return marked
