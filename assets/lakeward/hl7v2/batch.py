"""Finds the messages and envelopes of a file, on bytes, and reconciles the promised counts.

A file is read twice, in pieces: `scan` notes where records start and what the trailers promise,
`blocks` reads the records back. Nothing here knows what is inside a message, nor decodes it.

Grammar: `[FHS] { [BHS] { MSH… } [BTS] } [FTS]`, every wrapper optional. A record starts where a
line starts with MSH; a line starts after CR, LF, VT (0x0B) or FS (0x1C), or a byte order mark. Text
that belongs to no message (a message that lost its MSH, a log line) is a record of its own, so
nothing falls to the floor. Which line ends inside a message end a segment, `normalise` decides.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

PIECE = 4 << 20
KEPT = 1 << 20
"""How much of a file that is no HL7 v2 file is read back; the file itself stays in landing."""
LOOKAHEAD = 64
BOM = b"\xef\xbb\xbf"
TEXT, STRAY, HEADLESS, MSH, FHS, BHS, BTS, FTS = range(8)
"""What a line is: any other, junk outside a message, segments without their MSH, or an envelope."""

_IDS = {b"MSH": MSH, b"FHS": FHS, b"BHS": BHS, b"BTS": BTS, b"FTS": FTS}
_CODES = {(i[0] << 16) | (i[1] << 8) | i[2]: kind for i, kind in _IDS.items()}
_EDGE = b"\r\n\x0b\x1c\x00\x1a"
_BLANK = bytes(range(0x21))
_BREAK = re.compile(rb"[\r\n\x0b\x1c]")
_LEADING = re.compile(rb"(?:\xef\xbb\xbf|[\x00-\x09\x0c\x0e-\x1b\x1d-\x20])*")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """One batch: what its trailer promised (None: nothing) and what was found."""

    number: int
    promised: int | None
    found: int

    @property
    def holds(self) -> bool:
        """Whether the promise was kept, or none was made."""
        return self.promised is None or self.promised == self.found


@dataclass(frozen=True)
class Layout:
    """Where the records of a file stand.

    Attributes:
        starts: First byte of each record.
        ends: First byte after it, trailing line ends included.
        kinds: MSH, HEADLESS or STRAY.
        batch: Number of its batch, 0 for none.
        broken: Whether its batch or file promised another count.
        batches: All batches, in order.
        files_promised: Sum of FTS-1, None when no trailer says one.
        problem: Why the file as a whole is no HL7 v2 file; then there is one record, or none.
    """

    starts: Ints
    ends: Ints
    kinds: Ints
    batch: Ints
    broken: Bools
    batches: tuple[Batch, ...] = ()
    files_promised: int | None = None
    problem: str | None = None

    @property
    def found(self) -> int:
        """How many records there are."""
        return len(self.starts)

    @property
    def promised(self) -> int | None:
        """How many messages the batch trailers promise; None when none says one."""
        counts = [b.promised for b in self.batches if b.promised is not None]
        return sum(counts) if counts else None


@dataclass(frozen=True)
class Block:
    """Consecutive records of a file, the first of which has index `first` (from 0)."""

    first: int
    records: list[bytes]


@dataclass(frozen=True)
class _Mark:
    position: int
    kind: int
    promise: int | None = None


def open_file(path: Path) -> BinaryIO:
    """Open a file, unpacking it when it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def scan(path: Path) -> Layout:
    """Find the records of a file and reconcile its counts."""
    marks: list[_Mark] = []
    try:
        with open_file(path) as file:
            size = _collect(file, marks)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return _whole(path.stat().st_size, "truncated_gzip")
    if marks and all(mark.kind in (STRAY, HEADLESS) for mark in marks):
        return _whole(size, "not_hl7v2")
    return _layout(marks, size)


def blocks(path: Path, layout: Layout, wanted: NDArray[np.bool_] | None = None) -> Iterator[Block]:
    """Read the records back, a few megabytes at a time, trailing line ends removed.

    Args:
        path: The file.
        layout: Its layout.
        wanted: Skip stretches that hold none of these records.
    """
    with open_file(path) if layout.problem != "truncated_gzip" else path.open("rb") as file:
        first = 0
        while first < layout.found:
            start = int(layout.starts[first])
            last = int(np.searchsorted(layout.ends, start + PIECE, side="right"))
            last = max(last, first + 1)
            if wanted is None or wanted[first:last].any():
                file.seek(start)
                size = int(layout.ends[last - 1]) - start
                piece = file.read(min(size, KEPT) if layout.problem else size)
                yield Block(first, _cut(piece, layout, first, last, start))
            first = last


def _cut(piece: bytes, layout: Layout, first: int, last: int, base: int) -> list[bytes]:
    spans = zip(
        (layout.starts[first:last] - base).tolist(),
        (layout.ends[first:last] - base).tolist(),
        strict=True,
    )
    return [_trim(piece[start:end]) for start, end in spans]


def _trim(record: bytes) -> bytes:
    record = record.rstrip(_EDGE)
    return record[:-3].rstrip(_EDGE) if record.endswith(BOM) else record


def _whole(size: int, problem: str) -> Layout:
    one = np.zeros(1, np.int64)
    return Layout(one, one + size, one + STRAY, one, one.astype(bool), problem=problem)


def _collect(file: BinaryIO, marks: list[_Mark]) -> int:
    """Append the marks of a file; give its size."""
    base, rest, previous = -1, b"\n", BHS  # a line starts at the file's first byte
    while True:
        read = file.read(PIECE)
        piece = rest + read
        limit, rest = _cut_point(piece) if read else (len(piece), b"")
        previous = _collect_piece(piece, base, limit, previous, marks)
        base += len(piece) - len(rest)
        if not read:
            return base


def _cut_point(piece: bytes) -> tuple[int, bytes]:
    """Say up to where a piece can be looked at, and what is to stand before the next one."""
    text = len(piece.rstrip(_BLANK))
    if len(piece) - text > LOOKAHEAD and _BREAK.search(piece, text):
        return text, b"\n"  # however long a stretch of blanks is, a line starts after it
    limit = max(len(piece) - LOOKAHEAD, 0)
    return limit, piece[limit:]


def _collect_piece(piece: bytes, base: int, limit: int, previous: int, marks: list[_Mark]) -> int:
    """Mark the lines whose terminator stands before `limit`; give the kind of the last line."""
    padded = np.frombuffer(piece + b"\n\n\n\n", np.uint8)
    at = _line_starts(padded, piece, limit)
    kinds = _kinds(padded, at)
    before = np.concatenate([[previous], kinds[:-1]]) if len(kinds) else kinds
    outside = (kinds == TEXT) & (before >= FHS)
    kinds[outside] = _stray_kinds(padded, at[outside])
    for index in np.flatnonzero(kinds != TEXT).tolist():
        position, kind = int(at[index]), int(kinds[index])
        promise = _promise(piece, position) if kind in (BTS, FTS) else None
        marks.append(_Mark(base + position, kind, promise))
    return int(kinds[-1]) if len(kinds) else previous


def _line_starts(padded: NDArray[np.uint8], piece: bytes, limit: int) -> Ints:
    """Find the first byte of each line that is not blank, past byte order mark and blanks."""
    control = np.flatnonzero(padded[:limit] < 0x20)
    breaks = control[np.isin(padded[control], np.frombuffer(b"\r\n\x0b\x1c", np.uint8))]
    at = breaks + 1
    odd = (padded[at] == BOM[0]) | (padded[at] <= 0x20)
    for index in np.flatnonzero(odd).tolist():
        blank = _LEADING.match(piece, int(at[index]))
        at[index] = blank.end() if blank else at[index]
    return at[(padded[at] >= 0x20)]


def _kinds(padded: NDArray[np.uint8], at: Ints) -> Ints:
    a, b, c = (padded[at + k].astype(np.int64) for k in range(3))
    code = (a << 16) | (b << 8) | c
    kinds = np.full(len(at), TEXT, np.int64)
    for word, kind in _CODES.items():
        kinds[code == word] = kind
    follows = padded[at + 3]
    kinds[_alphanumeric(follows)] = TEXT
    kinds[(follows <= 0x20) & np.isin(kinds, (MSH, FHS, BHS))] = TEXT
    return kinds


def _stray_kinds(padded: NDArray[np.uint8], at: Ints) -> Ints:
    letters = np.ones(len(at), bool)
    for k in range(3):
        byte = padded[at + k]
        letters &= (byte >= 65) & (byte <= 90) | (byte >= 48) & (byte <= 57)
    follows = padded[at + 3]
    return np.where(letters & ~_alphanumeric(follows) & (follows > 0x20), HEADLESS, STRAY)


def _alphanumeric(byte: NDArray[np.uint8]) -> Bools:
    lower = byte | 0x20
    return (byte >= 48) & (byte <= 57) | (lower >= 97) & (lower <= 122) & (byte >= 65)


def _promise(piece: bytes, position: int) -> int | None:
    """Read the count of a trailer; None when it says none or no number."""
    line = piece[position : position + LOOKAHEAD].splitlines()[0]
    count = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else b""
    return int(count) if count.isdigit() else None


def _layout(marks: list[_Mark], size: int) -> Layout:
    positions = np.array([mark.position for mark in marks], np.int64)
    kinds = np.array([mark.kind for mark in marks], np.int64)
    ends = np.append(positions[1:], size)[: len(positions)]
    record = np.isin(kinds, (MSH, HEADLESS, STRAY))
    tally = _Tally(kinds[record])
    index = np.concatenate([[0], np.cumsum(record)]).astype(np.int64)
    for at in np.flatnonzero(~record).tolist():
        tally.envelope(marks[at], int(index[at]))
    tally.finish()
    return Layout(
        positions[record],
        ends[record],
        kinds[record],
        tally.batch,
        tally.broken,
        tuple(tally.batches),
        tally.files_promised,
    )


class _Tally:
    """Walks over the envelopes of a file and assigns its records to batches."""

    def __init__(self, kinds: Ints) -> None:
        self.counted = kinds != STRAY
        self.batch = np.zeros(len(kinds), np.int64)
        self.broken = np.zeros(len(kinds), bool)
        self.batches: list[Batch] = []
        self.files_promised: int | None = None
        self._open = False
        self._start = 0
        self._file_start, self._file_batches = 0, 0

    def envelope(self, mark: _Mark, record: int) -> None:
        """Take in an envelope segment that stands before record number `record`."""
        if mark.kind == BTS:
            self._close(record, mark.promise, ended=True)
        else:
            self._close(record, None, ended=False)
        if mark.kind == FTS:
            self._close_file(record, mark.promise)
        if mark.kind in (FHS, FTS):
            self._file_start, self._file_batches = record, 0
        self._open = mark.kind == BHS
        self._start = record

    def finish(self) -> None:
        """Close the batch that had no trailer."""
        self._close(len(self.batch), None, ended=False)

    def _close(self, record: int, promised: int | None, *, ended: bool) -> None:
        found = int(self.counted[self._start : record].sum())
        if not ended and not (self._open and found):
            return  # messages outside any batch, or a header that was given twice
        batch = Batch(len(self.batches) + 1, promised, found)
        self.batches.append(batch)
        self._file_batches += 1
        self.batch[self._start : record] = batch.number
        self.broken[self._start : record] |= not batch.holds

    def _close_file(self, record: int, promised: int | None) -> None:
        if promised is None:
            return
        self.files_promised = (self.files_promised or 0) + promised
        loose = int(self.counted[self._file_start : record].any())  # FHS MSH… FTS counts as one
        self.broken[self._file_start : record] |= promised != (self._file_batches or loose)
