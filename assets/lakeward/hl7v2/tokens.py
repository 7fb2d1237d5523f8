"""Splits many messages at once: every value between two separators becomes one token.

All messages here share their separators. Bytes are looked at a few times as arrays, never message
by message; a field is found by counting separators before it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeward.hl7v2.escapes import Separators

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CR = 13
HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first field is the separator itself, so their fields count from one less."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of some messages, and where their segments begin and end.

    Attributes:
        texts: All tokens, in order.
        lengths: Length of each token in bytes.
        bars: Tokens that a field separator follows.
        tildes: Tokens that a repeat separator follows.
        first: First token of each segment.
        last: Last token of each segment.
        codes: Name of each segment as a number, see `name_code`.
        rows: Message of each segment.
        ordinals: Place of each segment in its message, from 1.
        groups: Number of PID segments in the message up to each segment.
        has_escapes: Whether any escape character is used beyond MSH-2.
        has_subcomponents: The same for the subcomponent separator.
    """

    texts: pa.Array
    lengths: Ints
    bars: Ints
    tildes: Ints
    first: Ints
    last: Ints
    codes: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints
    has_escapes: bool
    has_subcomponents: bool


@dataclass(frozen=True)
class Span:
    """One repeat of one field in each of some segments: its first and last token.

    `width` is the number of components of the longest; 0 when the field is in none of them.
    """

    start: Ints
    end: Ints
    present: Bools
    width: int

    @classmethod
    def of(cls, start: Ints, end: Ints, present: Bools) -> "Span":
        """Make a span and measure it."""
        width = int((end - start)[present].max(initial=-1)) + 1
        return cls(start, end, present, width)


@dataclass(frozen=True)
class Selection:
    """The segments of one name."""

    tokens: Tokens
    segments: Ints
    shift: int

    def __len__(self) -> int:
        """Count the segments."""
        return len(self.segments)

    @cached_property
    def _first_bar(self) -> Ints:
        return np.searchsorted(self.tokens.bars, self.tokens.first[self.segments])

    @cached_property
    def _bars(self) -> Ints:
        last = np.searchsorted(self.tokens.bars, self.tokens.last[self.segments])
        return last - self._first_bar

    @cached_property
    def _most_bars(self) -> int:
        return int(self._bars.max(initial=0))

    def field(self, number: int) -> Span:
        """Find a field with all its repeats."""
        bars, at = self.tokens.bars, number - self.shift
        if at < 1 or at > self._most_bars:
            none = np.zeros(len(self), np.int64)
            return Span(none, none, np.zeros(len(self), bool), 0)
        present = self._bars >= at
        start = bars[np.minimum(self._first_bar + at - 1, len(bars) - 1)] + 1
        following = bars[np.minimum(self._first_bar + at, len(bars) - 1)]
        end = np.where(self._bars > at, following, self.tokens.last[self.segments])
        return Span.of(np.where(present, start, 0), np.where(present, end, 0), present)

    def first_repeat(self, number: int) -> Span:
        """Find the first repeat of a field."""
        field, tildes = self.field(number), self.tokens.tildes
        if not len(tildes) or not field.width:
            return field
        at = np.searchsorted(tildes, field.start)
        tilde = np.where(at < len(tildes), tildes[np.minimum(at, len(tildes) - 1)], field.end)
        return Span.of(field.start, np.minimum(field.end, tilde), field.present)

    def repeats(self, number: int) -> tuple[Span, Ints, Ints]:
        """Find all repeats of a field, with the segment of each and its number from 1."""
        field, tildes = self.field(number), self.tokens.tildes
        low = np.searchsorted(tildes, field.start)
        counts = np.where(field.present, np.searchsorted(tildes, field.end) - low + 1, 0)
        owner = np.repeat(np.arange(len(self)), counts)
        number_in = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        padded = np.append(tildes, 0)
        at = low[owner] + number_in
        start = np.where(number_in == 0, field.start[owner], padded[np.maximum(at - 1, 0)] + 1)
        is_last = number_in == counts[owner] - 1
        end = np.where(is_last, field.end[owner], padded[np.minimum(at, len(tildes))])
        return Span.of(start, end, np.ones(len(owner), bool)), owner, number_in + 1


def name_code(name: str) -> int:
    """Give a segment name as a number."""
    return int.from_bytes(name.encode("ascii"), "big")


def tokenise(bodies: pa.Array, separators: Separators) -> Tokens:
    """Split messages that share their separators; each body ends with CR."""
    chars, ends = _bytes_of(bodies)
    data = np.frombuffer(chars, np.uint8)
    used = [s for s in (separators.field, separators.component, separators.repeat) if s]
    is_separator = data == CR
    for separator in used:
        is_separator |= data == ord(separator)
    positions = np.flatnonzero(is_separator)
    kinds = data[positions]
    texts, lengths = _texts(chars, positions, "\r" + "".join(used))
    last = np.flatnonzero(kinds == CR)
    first = np.concatenate([[0], last[:-1] + 1]) if len(last) else last
    counts = np.diff(np.searchsorted(positions[last], ends, side="left"), prepend=0)
    starts = np.concatenate([[0], positions[last[:-1]] + 1]) if len(last) else last
    codes = _codes(data, starts, lengths[first])
    rows = np.repeat(np.arange(len(counts)), counts)
    before = (np.cumsum(counts) - counts)[rows]
    return Tokens(
        texts=texts,
        lengths=lengths,
        bars=np.flatnonzero(kinds == ord(separators.field)),
        tildes=np.flatnonzero(kinds == ord(separators.repeat)) if separators.repeat else last[:0],
        first=first,
        last=last,
        codes=codes,
        rows=rows,
        ordinals=np.arange(len(rows)) - before + 1,
        groups=_patient_groups(codes, before),
        has_escapes=_more_than(data, separators.escape, len(ends)),
        has_subcomponents=_more_than(data, separators.subcomponent, len(ends)),
    )


def select(tokens: Tokens, name: str) -> Selection:
    """Find the segments of a name."""
    segments = np.flatnonzero(tokens.codes == name_code(name))
    return Selection(tokens, segments, 1 if name in HEADERS else 0)


def component(tokens: Tokens, span: Span, number: int) -> pa.Array | None:
    """Take one component out of each repeat; empty is null, None when all are."""
    if number > span.width:
        return None
    at = span.start + number - 1
    valid = span.present & (at <= span.end)
    at = np.where(valid, at, 0)
    valid &= tokens.lengths[at] > 0
    if not valid.any():
        return None
    return tokens.texts.take(pa.array(at, mask=~valid))


def _bytes_of(bodies: pa.Array) -> tuple[bytes, Ints]:
    """Give the text of all bodies as one, and where each ends."""
    offsets_buffer, data_buffer = bodies.buffers()[1:]
    offsets = np.frombuffer(offsets_buffer, np.int32)[bodies.offset :][: len(bodies) + 1]
    start, stop = int(offsets[0]), int(offsets[-1])
    return data_buffer.slice(start, stop - start).to_pybytes(), offsets[1:].astype(np.int64) - start


def _texts(chars: bytes, positions: Ints, separators: str) -> tuple[pa.Array, Ints]:
    offsets = np.empty(len(positions) + 1, np.int32)
    offsets[0] = 0
    np.subtract(positions, np.arange(len(positions)), out=offsets[1:], casting="unsafe")
    packed = chars.translate(None, separators.encode("ascii"))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
    texts = pa.Array.from_buffers(pa.string(), len(positions), buffers)
    return texts, np.diff(offsets).astype(np.int64)


def _codes(data: NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:
    if not len(starts):
        return starts
    end = len(data) - 1  # a name that is cut short is not three bytes long, so what is read is moot
    a, b, c = (data[np.minimum(starts + k, end)].astype(np.int64) for k in range(3))
    return np.where(lengths == 3, (a << 16) | (b << 8) | c, 0)


def _patient_groups(codes: Ints, before: Ints) -> Ints:
    seen = np.cumsum(codes == name_code("PID"))
    return np.asarray(seen - np.append(0, seen)[before], np.int64)


def _more_than(data: NDArray[np.uint8], character: str, count: int) -> bool:
    return bool(character) and int(np.count_nonzero(data == ord(character))) > count
