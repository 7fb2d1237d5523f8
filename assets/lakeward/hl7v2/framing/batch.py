"""Finds the messages and envelopes of a file, on bytes.

A file is read twice, in pieces: `scan` notes where records start and which envelopes wrap them,
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lakeward.hl7v2.framing.envelope import LONGEST, Envelope
from lakeward.hl7v2.framing.envelope_scan import Tally
from lakeward.hl7v2.framing.streams import PIECE, open_file, open_unpacked, wide_encoding

KEPT = 1 << 20
"""How much of a file that is no HL7 v2 file is read back; the file itself stays in landing."""
LOOKAHEAD = LONGEST
"""How many bytes after a line's start are at hand when it is looked at."""
BOM = b"\xef\xbb\xbf"
TEXT, STRAY, HEADLESS, MSH, FHS, BHS, BTS, FTS = range(8)
"""What a line is: any other, junk outside a message, segments without their MSH, or an envelope."""

_IDS = {b"MSH": MSH, b"FHS": FHS, b"BHS": BHS, b"BTS": BTS, b"FTS": FTS}
_NAMES = {kind: segment.decode() for segment, kind in _IDS.items()}
_CODES = {(i[0] << 16) | (i[1] << 8) | i[2]: kind for i, kind in _IDS.items()}
_EDGE = b"\r\n\x0b\x1c\x00\x1a"
_PADDING = b"\x00\x1a \t"
_BLANK = bytes(range(0x21))
_BREAK = re.compile(rb"[\r\n\x0b\x1c]")
_BREAKS = np.frombuffer(b"\r\n\x0b\x1c", np.uint8)
_LEADING = re.compile(rb"(?:\xef\xbb\xbf|[\x00-\x09\x0c\x0e-\x1b\x1d-\x20])*")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REASONS = (None, "count_mismatch", "truncated", "control_id_reuse")
"""Why a record is set aside for the envelope it stands in, by code; see `reconcile`."""


def _no_reasons() -> NDArray[np.int8]:
    return np.zeros(0, np.int8)


@dataclass(frozen=True)
class Layout:
    """Where the records of a file stand.

    Attributes:
        starts: First byte of each record; `streams` says which bytes are counted.
        ends: First byte after it, trailing line ends included.
        kinds: MSH, HEADLESS or STRAY.
        batch: Number of its batch, 0 for none.
        batches: All batches, in order.
        files: All files (FHS … FTS) within the file, in order.
        problem: Why the file as a whole is no HL7 v2 file; then there is one record, or none.
        encoding: Of a UTF-16 or UTF-32 file: which of them.
        reasons: For each record an index into `REASONS`; empty until `reconcile` was asked.
    """

    starts: Ints
    ends: Ints
    kinds: Ints
    batch: Ints
    batches: tuple[Envelope, ...] = ()
    files: tuple[Envelope, ...] = ()
    problem: str | None = None
    encoding: str | None = None
    reasons: NDArray[np.int8] = field(default_factory=_no_reasons)

    @property
    def found(self) -> int:
        """How many records there are."""
        return len(self.starts)

    @property
    def promised(self) -> int | None:
        """How many messages the batch trailers promise; None when none says one."""
        return _sum(self.batches)

    @property
    def files_promised(self) -> int | None:
        """How many batches the file trailers promise; None when none says one."""
        return _sum(self.files)


@dataclass(frozen=True)
class Block:
    """Consecutive records of a file.

    Attributes:
        first: Index of the first in its file, from 0.
        piece: The bytes that hold them.
        starts: First byte of each record in `piece`.
        ends: First byte after it, trailing line ends included.
    """

    first: int
    piece: bytes
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        """Count the records."""
        return len(self.starts)

    def record(self, index: int) -> bytes:
        """Give one record, trailing line ends removed."""
        return _trim(self.piece[self.starts[index] : self.ends[index]])

    def lengths(self) -> Ints:
        """Give the length of each record, trailing line ends removed."""
        data = np.frombuffer(self.piece, np.uint8)
        last = data[np.minimum(self.ends, len(data)) - 1]
        before = data[np.clip(self.ends, 2, max(len(data), 2)) - 2] if len(data) > 1 else last
        lengths = self.ends - self.starts - 1
        simple = (last == _EDGE[0]) & (before >= 0x20) & (before < 0x80) & (lengths > 0)
        for index in np.flatnonzero(~simple).tolist():
            lengths[index] = len(self.record(index))
        return lengths

    @property
    def records(self) -> list[bytes]:
        """Give all records, trailing line ends removed."""
        return [self.record(index) for index in range(len(self))]


@dataclass
class _Marks:
    """Where lines stand that start a record or are an envelope; `lines` are the envelopes."""

    positions: list[Ints] = field(default_factory=list)
    kinds: list[Ints] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    unterminated: bool = False


def scan(path: Path) -> Layout:
    """Find the records and envelopes of a file."""
    try:
        encoding = wide_encoding(path)
        with open_file(path) as file:
            marks = _collect(file)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return _whole(path.stat().st_size, "truncated_gzip")
    positions, kinds = np.concatenate(marks.positions), np.concatenate(marks.kinds)
    if len(kinds) and (kinds <= HEADLESS).all():
        return _whole(marks.size, "not_hl7v2", encoding)
    return _layout(positions, kinds, marks, encoding)


def blocks(path: Path, layout: Layout, wanted: NDArray[np.bool_] | None = None) -> Iterator[Block]:
    """Read the records back, a few megabytes at a time.

    Args:
        path: The file.
        layout: Its layout.
        wanted: Skip stretches that hold none of these records.
    """
    with _open_for(path, layout) as file:
        first = 0
        while first < layout.found:
            start = int(layout.starts[first])
            last = int(np.searchsorted(layout.ends, start + PIECE, side="right"))
            last = max(last, first + 1)
            if wanted is None or wanted[first:last].any():
                file.seek(start)
                size = int(layout.ends[last - 1]) - start
                piece = file.read(min(size, KEPT) if layout.problem else size)
                span = slice(first, last)
                yield Block(first, piece, layout.starts[span] - start, layout.ends[span] - start)
            first = last


def _open_for(path: Path, layout: Layout) -> BinaryIO:
    """Open a file that is no HL7 v2 file as it was delivered, any other as it is split."""
    if layout.problem is None:
        return open_file(path)
    return path.open("rb") if layout.problem == "truncated_gzip" else open_unpacked(path)


def _trim(record: bytes) -> bytes:
    record = record.rstrip(_EDGE)
    return record[:-3].rstrip(_EDGE) if record.endswith(BOM) else record


def _sum(envelopes: tuple[Envelope, ...]) -> int | None:
    counts = [each.promised for each in envelopes if each.promised is not None]
    return sum(counts) if counts else None


def _whole(size: int, problem: str, encoding: str | None = None) -> Layout:
    one = np.zeros(1, np.int64)
    return Layout(one, one + size, one + STRAY, one, problem=problem, encoding=encoding)


def _collect(file: BinaryIO) -> _Marks:
    """Read a file through and mark its lines."""
    marks = _Marks()
    base, rest, previous = -1, b"\n", BHS  # a line starts at the file's first byte
    while True:
        read = file.read(PIECE)
        piece = rest + read
        if text := read.rstrip(_PADDING):
            marks.unterminated = text[-1:] not in (b"\r", b"\n", b"\x0b", b"\x1c")
        limit, rest = _cut_point(piece) if read else (len(piece), b"")
        previous = _collect_piece(piece, base, limit, previous, marks)
        base += len(piece) - len(rest)
        if not read:
            marks.size = base
            return marks


def _cut_point(piece: bytes) -> tuple[int, bytes]:
    """Say up to where a piece can be looked at, and what is to stand before the next one."""
    text = len(piece.rstrip(_BLANK))
    if len(piece) - text > LOOKAHEAD and _BREAK.search(piece, text):
        return text, b"\n"  # however long a stretch of blanks is, a line starts after it
    limit = max(len(piece) - LOOKAHEAD, 0)
    return limit, piece[limit:]


def _collect_piece(piece: bytes, base: int, limit: int, previous: int, marks: _Marks) -> int:
    """Mark the lines whose terminator stands before `limit`; give the kind of the last line."""
    padded = np.frombuffer(piece + b"\n\n\n\n", np.uint8)
    at = _line_starts(padded, piece, limit)
    kinds = _kinds(padded, at)
    before = np.concatenate([[previous], kinds[:-1]]) if len(kinds) else kinds
    outside = (kinds == TEXT) & (before >= FHS)
    kinds[outside] = _stray_kinds(padded, at[outside])
    marked = kinds != TEXT
    marks.positions.append(base + at[marked])
    marks.kinds.append(kinds[marked])
    marks.lines += [_line(piece, start) for start in at[kinds >= FHS].tolist()]
    return int(kinds[-1]) if len(kinds) else previous


def _line(piece: bytes, start: int) -> bytes:
    return _BREAK.split(piece[start : start + LOOKAHEAD], maxsplit=1)[0]


def _line_starts(padded: NDArray[np.uint8], piece: bytes, limit: int) -> Ints:
    """Find the first byte of each line that is not blank, past byte order mark and blanks."""
    control = np.flatnonzero(padded[:limit] < 0x20)
    breaks = control[np.isin(padded[control], _BREAKS)]
    at = breaks + 1
    at = at[
        ~np.isin(padded[at], _BREAKS)
    ]  # most of what CRLF and blank lines give, at no cost a line
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


def _layout(positions: Ints, kinds: Ints, marks: _Marks, encoding: str | None) -> Layout:
    ends = np.append(positions[1:], marks.size)[: len(positions)]
    record = kinds <= MSH
    tally = Tally(kinds[record] != STRAY)
    before = np.cumsum(record)
    for at, line in zip(np.flatnonzero(~record).tolist(), marks.lines, strict=True):
        tally.line(_NAMES[int(kinds[at])], line, int(before[at]))
    tally.finish(unterminated=marks.unterminated)
    batch = np.zeros(int(record.sum()), np.int64)
    for each in tally.batches:
        batch[each.first : each.last] = each.number
    return Layout(
        positions[record],
        ends[record],
        kinds[record],
        batch,
        tuple(tally.batches),
        tuple(tally.files),
        encoding=encoding,
    )
