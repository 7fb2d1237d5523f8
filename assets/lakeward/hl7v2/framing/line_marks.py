"""Finds the lines of a file that start a record or are an envelope, on bytes.

A line is named by its first three bytes and the separator after them; what a record is made of and
which envelope wraps it is `batch`. A file is looked at in pieces of a few megabytes, each a few
times as an array, never line by line: nearly all lines are segments inside a message and cost
nothing more.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO

import numpy as np

from lakeward.hl7v2.arrays import Bools, Bytes, Ints
from lakeward.hl7v2.framing.envelope import LONGEST
from lakeward.hl7v2.framing.streams import PIECE

LOOKAHEAD = LONGEST
"""How many bytes after a line's start are at hand when it is looked at."""
BOM = b"\xef\xbb\xbf"
"""Byte order mark of UTF-8."""


class LineKind(IntEnum):
    """What a line is, and what a record is that starts with it. No order is meant."""

    TEXT = 0
    """Any line inside a record; it starts nothing."""
    STRAY = 1
    """Junk outside a message, a log line for instance."""
    HEADLESS = 2
    """Segments that lost their MSH."""
    MSH = 3
    FHS = 4
    BHS = 5
    BTS = 6
    FTS = 7


_RECORDS = frozenset({LineKind.STRAY, LineKind.HEADLESS, LineKind.MSH})
_ENVELOPES = frozenset({LineKind.FHS, LineKind.BHS, LineKind.BTS, LineKind.FTS})
IS_RECORD: Bools = np.array([kind in _RECORDS for kind in LineKind])
"""By kind: whether the line starts a record. `IS_RECORD[kinds]` looks up a whole array at once."""
IS_ENVELOPE: Bools = np.array([kind in _ENVELOPES for kind in LineKind])
"""By kind: whether the line is a header or trailer of a batch or file."""
IS_HL7V2: Bools = IS_ENVELOPE | (np.arange(len(LineKind)) == LineKind.MSH)
"""By kind: whether one such line is enough to take a file for HL7 v2."""

_SEGMENT_KINDS = (LineKind.MSH, LineKind.FHS, LineKind.BHS, LineKind.BTS, LineKind.FTS)
_KIND_OF_CODE = {int.from_bytes(kind.name.encode(), "big"): kind for kind in _SEGMENT_KINDS}
"""Kinds by segment name, its three bytes read as one number."""

_PADDING = b"\x00\x1a \t"
_BLANKS = bytes(range(0x21))
_BREAK = re.compile(rb"[\r\n\x0b\x1c]")
_BREAKS = np.frombuffer(b"\r\n\x0b\x1c", np.uint8)
_LEADING = re.compile(rb"(?:\xef\xbb\xbf|[\x00-\x09\x0c\x0e-\x1b\x1d-\x20])*")
"""What may stand before the first character of a line: byte order marks and blanks."""


@dataclass
class LineMarks:
    """Lines that start a record or are an envelope, piece by piece; mutable while a file is read.

    Attributes:
        positions: First byte of each such line.
        kinds: Its `LineKind`.
        lines: The envelope lines among them.
        size: Bytes of the file, known at its end.
        unterminated: Whether the text read last does not end with a line end.
    """

    positions: list[Ints] = field(default_factory=list)
    kinds: list[Ints] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    unterminated: bool = False


def mark_lines(file: BinaryIO) -> LineMarks:
    """Read a file through and mark its lines.

    A line can only be named when its first bytes are at hand, so the last LOOKAHEAD bytes of each
    piece are looked at once more, in front of the next one.
    """
    marks = LineMarks()
    # a line starts at the file's first byte, outside any message: as after a line end and a header
    base, rest, previous = -1, b"\n", int(LineKind.BHS)
    while True:
        read = file.read(PIECE)
        piece = rest + read
        if text := read.rstrip(_PADDING):
            marks.unterminated = text[-1:] not in (b"\r", b"\n", b"\x0b", b"\x1c")
        limit, rest = _cut_point(piece) if read else (len(piece), b"")
        previous = _mark_piece(piece, base, limit, previous, marks)
        base += len(piece) - len(rest)
        if not read:
            marks.size = base
            return marks


def _cut_point(piece: bytes) -> tuple[int, bytes]:
    """Return up to where a piece can be looked at, and the bytes to put before the next one."""
    text = len(piece.rstrip(_BLANKS))
    if len(piece) - text > LOOKAHEAD and _BREAK.search(piece, text):
        # However long a stretch of blanks is, a line starts after it. A file padded with gigabytes
        # of NUL would else be kept in memory whole.
        return text, b"\n"
    limit = max(len(piece) - LOOKAHEAD, 0)
    return limit, piece[limit:]


def _mark_piece(piece: bytes, base: int, limit: int, previous: int, marks: LineMarks) -> int:
    """Mark the lines whose terminator stands before `limit`; return the kind of the last line.

    Args:
        piece: Bytes of the file.
        base: Where they start in the file.
        limit: Lines that start later are left to the next piece.
        previous: Kind of the line before the first.
        marks: Added to.
    """
    padded = np.frombuffer(piece + b"\n\n\n\n", np.uint8)  # a name and its separator: four bytes
    at = _line_starts(padded, piece, limit)
    kinds = _kinds(padded, at)
    before = np.concatenate([[previous], kinds[:-1]]) if len(kinds) else kinds
    # A line is outside all messages only directly after an envelope line: after any other line it
    # belongs to the record that the line before belongs to.
    outside = (kinds == LineKind.TEXT) & IS_ENVELOPE[before]
    kinds[outside] = _kinds_outside(padded, at[outside])
    marked = kinds != LineKind.TEXT
    marks.positions.append(base + at[marked])
    marks.kinds.append(kinds[marked])
    marks.lines += [_line(piece, start) for start in at[IS_ENVELOPE[kinds]].tolist()]
    return int(kinds[-1]) if len(kinds) else previous


def _line(piece: bytes, start: int) -> bytes:
    return _BREAK.split(piece[start : start + LOOKAHEAD], maxsplit=1)[0]


def _line_starts(padded: Bytes, piece: bytes, limit: int) -> Ints:
    """Find the first byte of each line that is not blank, past byte order mark and blanks."""
    control = np.flatnonzero(padded[:limit] < 0x20)
    breaks = control[np.isin(padded[control], _BREAKS)]
    at = breaks + 1
    at = at[~np.isin(padded[at], _BREAKS)]  # CRLF and blank lines, without looking at each line
    indented = (padded[at] == BOM[0]) | (padded[at] <= 0x20)
    for index in np.flatnonzero(indented).tolist():
        blank = _LEADING.match(piece, int(at[index]))
        at[index] = blank.end() if blank else at[index]
    return at[(padded[at] >= 0x20)]


def _kinds(padded: Bytes, at: Ints) -> Ints:
    """Name the lines that start at some bytes by their first four bytes."""
    a, b, c = (padded[at + k].astype(np.int64) for k in range(3))
    code = (a << 16) | (b << 8) | c
    kinds = np.full(len(at), LineKind.TEXT, np.int64)
    for segment, kind in _KIND_OF_CODE.items():
        kinds[code == segment] = kind
    follows = padded[at + 3]
    kinds[_alphanumeric(follows)] = LineKind.TEXT  # "MSHA", a word and no segment
    # The fourth byte of a header is its field separator, so it has one. A trailer may be bare.
    is_header = np.isin(kinds, (LineKind.MSH, LineKind.FHS, LineKind.BHS))
    kinds[(follows <= 0x20) & is_header] = LineKind.TEXT
    return kinds


def _kinds_outside(padded: Bytes, at: Ints) -> Ints:
    """Return HEADLESS for lines that look like a segment, STRAY for others."""
    named = np.ones(len(at), bool)
    for k in range(3):
        byte = padded[at + k]
        named &= (byte >= ord("A")) & (byte <= ord("Z")) | (byte >= ord("0")) & (byte <= ord("9"))
    follows = padded[at + 3]
    is_segment = named & ~_alphanumeric(follows) & (follows > 0x20)
    return np.where(is_segment, LineKind.HEADLESS, LineKind.STRAY)


def _alphanumeric(byte: Bytes) -> Bools:
    lower = byte | 0x20
    is_digit = (byte >= ord("0")) & (byte <= ord("9"))
    return is_digit | (lower >= ord("a")) & (lower <= ord("z")) & (byte >= ord("A"))
