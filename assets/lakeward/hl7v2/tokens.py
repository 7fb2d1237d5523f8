"""Splits many messages at once and finds the values that are wanted, in columns.

All messages here share their separators. Bytes are looked at a few times as arrays, never message
by message. What lies between two separators is a token; tokens between field or repeat separators
make a unit (one repeat of one field). Only units of wanted fields are looked into, and the tokens
found are sorted by the place they stand in, so that a column that is empty costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeward.hl7v2.escapes import Separators
from lakeward.hl7v2.segments import SegmentSpec

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

CR = 13
HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first field is the separator itself, so their fields count from one less."""

_FIELDS = 256
"""Fields from here on are not looked for; the longest segment of the standard has 70."""


@dataclass(frozen=True)
class Wanted:
    """The places that some specs ask for, as look-up tables.

    Attributes:
        names: Segment names as numbers, sorted.
        first: For segment and field (`segment * 256 + field`) where its components start in
            `slots`; 0 when no spec asks for the field.
        width: The highest component asked for, by the same index.
        slots: Number of each place; 0 is nowhere.
        places: Number of each (segment, field, component).
    """

    names: Ints
    first: Ints
    width: Ints
    slots: Ints
    places: dict[tuple[str, int, int], int]

    @classmethod
    def of(cls, specs: Sequence[SegmentSpec]) -> "Wanted":
        """Number all places of some specs."""
        ordered = sorted(specs, key=lambda spec: name_code(spec.segment))
        first = np.zeros((len(specs) + 1) * _FIELDS, np.intp)
        width = np.zeros_like(first)
        slots: list[int] = [0]
        places: dict[tuple[str, int, int], int] = {}
        for index, spec in enumerate(ordered):
            for field, components in sorted(_components(spec).items()):
                at = index * _FIELDS + field - shift(spec.segment)
                if not 0 < field - shift(spec.segment) < _FIELDS:
                    continue
                first[at], width[at] = len(slots), max(components)
                for component in range(1, max(components) + 1):
                    wanted = component in components
                    slots.append(len(places) + 1 if wanted else 0)
                    if wanted:
                        places[spec.segment, field, component] = len(places) + 1
        names = np.array([name_code(spec.segment) for spec in ordered], np.int64)
        return cls(names, first, width, np.array(slots, np.uint16), places)


@dataclass(frozen=True)
class Tokens:
    """The wanted values of some messages, and the segments they stand in.

    Attributes:
        texts: All tokens, in order.
        found: Token of each wanted value that is not empty, by slot and then by place.
        unit: Unit of each of them.
        bounds: `found[bounds[s]:bounds[s + 1]]` are those of slot `s`.
        segment: Segment of each unit.
        field: Field of each unit, counted in separators.
        repeat: Place of each unit among the repeats of its field, from 1.
        by_name: Segments, by name (as `Wanted.names`; those not wanted last) and then by place.
        name_bounds: Where each name starts in `by_name`.
        local: Place of each segment among those of its name.
        rows: Message of each segment.
        ordinals: Place of each segment in its message, from 1.
        groups: Number of PID segments in the message up to each segment.
        escaped: Whether each token holds an escape character; None when none does.
        divided: The same for the subcomponent separator.
    """

    wanted: Wanted
    texts: pa.Array
    found: Ints
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

    def at(self, name: str, field: int, component: int) -> tuple[Ints, Ints]:
        """Find the tokens that stand in a place, and their units."""
        slot = self.wanted.places.get((name, field, component), 0)
        span = slice(self.bounds[slot], self.bounds[slot + 1]) if slot else slice(0, 0)
        return self.found[span], self.unit[span]


def _components(spec: SegmentSpec) -> dict[int, set[int]]:
    """List the components that a spec asks for, by field."""
    found: dict[int, set[int]] = {}
    for leaf in spec.leaves:
        found.setdefault(leaf.field, set()).add(leaf.component)
    for child in spec.children:
        for field, _ in child.fields:
            found.setdefault(field, set()).update(leaf.component for leaf in child.leaves)
    return found


@lru_cache(maxsize=512)
def name_code(name: str) -> int:
    """Give a segment name as a number."""
    return int.from_bytes(name.encode("ascii"), "big")


def shift(name: str) -> int:
    """Say by how much the fields of a segment count from less than its separators."""
    return 1 if name in HEADERS else 0


def tokenise(bodies: pa.Array, separators: Separators, wanted: Wanted) -> Tokens:
    """Split messages that share their separators; each body ends with CR."""
    chars, ends = _bytes_of(bodies)
    data = np.frombuffer(chars, np.uint8)
    used = [s for s in (separators.field, separators.component, separators.repeat) if s]
    is_separator = data == CR
    for separator in used:
        is_separator |= data == ord(separator)
    positions = np.flatnonzero(is_separator)
    kinds = data.take(positions)
    texts, lengths = _texts(chars, positions, "\r" + "".join(used))
    stops = np.flatnonzero(kinds != ord(separators.component))
    stop_kinds = kinds.take(stops)
    starts = _after(stops)
    closing = np.flatnonzero(stop_kinds == CR)
    opening = _after(closing)
    segments = _Segments.of(data, positions, starts[opening], lengths, stops[closing], ends)
    sizes = np.diff(closing, prepend=-1)
    segment = np.repeat(np.arange(len(closing)), sizes)
    field = _fields(stop_kinds == ord(separators.field), opening, sizes)
    names = segments.names(wanted)
    found, unit, bounds = _find(wanted, names, sizes, field, starts, stops, lengths)
    by_name = np.argsort(names, kind="stable")
    name_bounds = np.searchsorted(names[by_name], np.arange(len(wanted.names) + 2))
    local = np.empty(len(names), np.int64)
    local[by_name] = np.arange(len(names)) - name_bounds[names[by_name]]
    return Tokens(
        wanted=wanted,
        texts=texts,
        found=found,
        unit=unit,
        bounds=bounds,
        segment=segment,
        field=field,
        repeat=_repeats(stop_kinds, separators.repeat),
        by_name=by_name,
        name_bounds=name_bounds,
        local=local,
        rows=segments.rows,
        ordinals=segments.ordinals,
        groups=segments.groups,
        escaped=_holding(data, positions, separators.escape, len(ends)),
        divided=_holding(data, positions, separators.subcomponent, len(ends)),
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
        cls,
        data: NDArray[np.uint8],
        positions: Ints,
        first: Ints,
        lengths: Ints,
        last: Ints,
        ends: Ints,
    ) -> "_Segments":
        starts = np.where(first > 0, positions[first - 1] + 1, 0)
        codes = _codes(data, starts, lengths[first])
        counts = np.diff(np.searchsorted(positions[last], ends, side="left"), prepend=0)
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
    wanted: Wanted,
    names: Ints,
    sizes_of_segments: Ints,
    field: Ints,
    starts: Ints,
    stops: Ints,
    lengths: Ints,
) -> tuple[Ints, Ints, Ints]:
    """Find the wanted tokens that are not empty: the tokens, their units, bounds by slot."""
    place = np.repeat(names.astype(np.intp) * _FIELDS, sizes_of_segments) + field
    if field.max(initial=0) >= _FIELDS:
        place[field >= _FIELDS] = 0
    first = wanted.first.take(place)
    asked = np.flatnonzero(first)
    starts, stops = starts.take(asked), stops.take(asked)
    valued = np.flatnonzero((stops > starts) | (lengths.take(starts) > 0))
    asked, starts, stops = asked.take(valued), starts.take(valued), stops.take(valued)
    sizes = np.minimum(stops - starts + 1, wanted.width.take(place.take(asked)))
    offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    token = np.repeat(starts, sizes) + offset
    slot = wanted.slots.take(np.repeat(first.take(asked), sizes) + offset)
    kept = np.flatnonzero((slot > 0) & (lengths.take(token) > 0))
    slot = slot.take(kept)
    order = np.argsort(slot, kind="stable")
    bounds = np.searchsorted(slot.take(order), np.arange(len(wanted.places) + 2))
    at = kept.take(order)
    return token.take(at), np.repeat(asked, sizes).take(at), bounds


def _after(stops: Ints) -> Ints:
    """Give where each of some consecutive stretches starts, from where they stop."""
    starts = np.empty_like(stops)
    if len(stops):
        starts[0] = 0
        np.add(stops[:-1], 1, out=starts[1:])
    return starts


def _fields(bars: Bools, opening: Ints, sizes: Ints) -> Ints:
    """Count the field separators before each unit in its segment."""
    before: Ints = np.cumsum(bars) - bars
    return before - np.repeat(before[opening], sizes)


def _repeats(stop_kinds: NDArray[np.uint8], separator: str) -> Ints:
    count = len(stop_kinds)
    follows = stop_kinds == ord(separator) if separator else np.zeros(count, bool)
    if not follows.any():
        return np.ones(count, np.intp)
    index = np.arange(count)
    opens = np.append(True, ~follows[:-1])
    return index - np.maximum.accumulate(np.where(opens, index, 0)) + 1


def _bytes_of(bodies: pa.Array) -> tuple[bytes, Ints]:
    """Give the text of all bodies as one, and where each ends."""
    offsets_buffer, data_buffer = bodies.buffers()[1:]
    offsets = np.frombuffer(offsets_buffer, np.int32)[bodies.offset :][: len(bodies) + 1]
    start, stop = int(offsets[0]), int(offsets[-1])
    return data_buffer.slice(start, stop - start).to_pybytes(), offsets[1:] - np.int32(start)


def _texts(chars: bytes, positions: Ints, separators: str) -> tuple[pa.Array, Ints]:
    offsets = np.empty(len(positions) + 1, np.int32)
    offsets[0] = 0
    np.subtract(positions, np.arange(len(positions)), out=offsets[1:], casting="unsafe")
    packed = chars.translate(None, separators.encode("ascii"))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
    texts = pa.Array.from_buffers(pa.string(), len(positions), buffers)
    return texts, np.diff(offsets)


def _codes(data: NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:
    if not len(starts):
        return starts.astype(np.int64)
    end = len(data) - 1  # a name that is cut short is not three bytes long, so what is read is moot
    a, b, c = (data[np.minimum(starts + k, end)].astype(np.int64) for k in range(3))
    return np.where(lengths == 3, (a << 16) | (b << 8) | c, 0)


def _holding(data: NDArray[np.uint8], positions: Ints, character: str, count: int) -> Bools | None:
    """Mark the tokens that hold a character; None when only MSH-2 does, once in each message."""
    if not character:
        return None
    is_it = data == ord(character)
    if int(np.count_nonzero(is_it)) <= count:
        return None
    marked = np.zeros(len(positions), bool)
    marked[np.searchsorted(positions, np.flatnonzero(is_it))] = True
    return marked
