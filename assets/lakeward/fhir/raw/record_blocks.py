"""Records in memory: spans of the bytes that were read, in blocks of bounded size.

No object is made per record, since a million of them cost more than reading them. A piece is the
bytes of one read, and arrays:

    file 7, its 2nd piece, from byte 40 of the file; the last line is blank

    data      {"id":"a"}␊{"id":"bc"}␍␊␊      ␊ is LF, ␍ is CR
              ^0         ^11          ^24
    numbers   [5,        6]                lines in the file; line 7 is blank and left out
    starts    [0,        11]               first byte of each record in `data`; in the file 40 more
    lengths   [10,       11]               bytes of each record, without its line end

A block is several pieces, of one large file or of many small ones:

    Block ── Piece(file 7, data of 16 MB)  ── records 0 … 9,999
          └─ Piece(file 8, data of 2 KB)   ── records 10,000 and 10,001

A record is found by its position in the block (0 to 10,001) or by its file and number. How files
are cut into records is in `lines`; what a record holds is not looked at here.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NOT_TEXT = "invalid_utf8"
TOO_DEEP = "nested_too_deeply"
"""Reason codes of a record that is not UTF-8, and of one that is nested deeper than `LEVELS`."""

LEVELS = 200
"""Objects and lists that may stand within one another. A questionnaire with 40 levels of groups has
160; one with 1,000 took the views half a minute, and what grows so goes on for ever at 10,000."""

_BRACKETS = b"{[}]\n"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_STEP = np.zeros(256, np.int32)
_STEP[list(b"{[")], _STEP[list(b"}]")] = 1, -1
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

_INLINE = 12
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("start", "<i4")])
"""Layout of one value of an Arrow view, 16 bytes; a value of up to 12 bytes stands in it itself:

    long    | length | first 4 bytes | number of the buffer | start in the buffer |
    short   | length | the bytes, filled up with zeros                            |

So an array of all records needs no copy of them. Source: Arrow columnar format, "Variable-size
Binary View Layout".
"""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Records of one file in one buffer.

    Attributes:
        received: Number of the file.
        data: The bytes that were read.
        offset: Where they stand in the (unpacked) file.
        numbers: Number of each record in the file: the line, from 1, or the entry of a Bundle.
        starts: First byte of each record in `data`.
        lengths: Bytes of each record, without the line end.
        flaw: Reason code why the last record cannot be complete.
    """

    received: int
    data: bytes
    offset: int
    numbers: Numbers
    starts: Numbers
    lengths: Numbers
    flaw: str | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.numbers)

    def record(self, index: int) -> bytes:
        """Return the bytes of one record."""
        start = int(self.starts[index])
        return self.data[start : start + int(self.lengths[index])]

    def digests(self) -> Iterator[bytes]:
        """Yield the SHA-256 of each record, 32 bytes."""
        view, ends = memoryview(self.data), self.starts + self.lengths
        for start, end in zip(self.starts.tolist(), ends.tolist(), strict=True):
            yield sha256(view[start:end]).digest()

    def starts_with_brace(self) -> npt.NDArray[np.bool_]:
        """Return for each record whether its first byte is a brace."""
        if not self.data:
            return np.zeros(len(self), np.bool_)
        letters = np.frombuffer(self.data, np.uint8)
        return np.asarray(letters[self.starts] == ord("{"))

    def contains(self, pattern: str) -> bool:
        """Return whether a regular expression is found anywhere in the bytes read."""
        return bool(pc.match_substring_regex(_as_one(self.data), pattern)[0].as_py())

    def first(self, count: int, flaw: str) -> "Piece":
        """Return the first records alone; the last of them bears a flaw."""
        numbers, starts, lengths = (a[:count] for a in (self.numbers, self.starts, self.lengths))
        return replace(self, numbers=numbers, starts=starts, lengths=lengths, flaw=flaw)

    @cached_property
    def too_deep(self) -> frozenset[int]:
        """Indexes of the records that are nested deeper than `LEVELS`."""
        # The whole at once, without a look at what is text: brackets in a text only make a record
        # suspect. All but brackets is left out first: a look at each byte costs ten times more.
        lines = self.data.translate(None, _OTHERS).split(b"\n")
        long = [line for line in lines if len(line) > 2 * LEVELS]  # each level has two brackets
        if _deepest(b"\n".join(long)) <= LEVELS:
            return frozenset()
        deep = (i for i in range(len(self)) if _depth(self.record(i)) > LEVELS)
        return frozenset(deep)

    @cached_property
    def not_utf8(self) -> frozenset[int]:
        """Indexes of the records that are not UTF-8."""
        # the whole at once: only a piece with a fault is looked at record by record
        if self.data.isascii() or _is_utf8(self.data):
            return frozenset()
        return frozenset(i for i in range(len(self)) if not _is_utf8(self.record(i)))


@dataclass(frozen=True)
class Block:
    """Records of one or several files, as many as fit in memory."""

    pieces: tuple[Piece, ...]

    def __len__(self) -> int:
        """Return the number of records."""
        return sum(map(len, self.pieces))

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return sum(len(piece.data) for piece in self.pieces)

    @property
    def lengths(self) -> Numbers:
        """Bytes of each record."""
        return np.concatenate([piece.lengths for piece in self.pieces])

    @property
    def not_utf8(self) -> list[int]:
        """Positions of records that are not UTF-8."""
        return self._positions("not_utf8")

    def _positions(self, kind: Literal["not_utf8", "too_deep"]) -> list[int]:
        firsts = np.cumsum([0, *map(len, self.pieces)]).tolist()
        return [
            first + index
            for first, piece in zip(firsts, self.pieces, strict=False)
            for index in getattr(piece, kind)
        ]

    @property
    def flaws(self) -> dict[int, str]:
        """Reason codes of records that are rejected for their bytes alone, by position."""
        found = dict.fromkeys(self._positions("too_deep"), TOO_DEEP)
        found |= dict.fromkeys(self.not_utf8, NOT_TEXT)
        # a flaw is one of how a piece ends, so it is its last record's
        lasts = (np.cumsum([len(piece) for piece in self.pieces]) - 1).tolist()
        found.update(
            {n: piece.flaw for n, piece in zip(lasts, self.pieces, strict=True) if piece.flaw}
        )
        return found

    def to_table(self) -> pa.Table:
        """Return one row per record, in order.

        position: its number in the block, from 0;
        received, line: its file, and its number there;
        byte_offset, byte_length: its bytes in the unpacked file;
        content_sha256: their hash, hexadecimal;
        starts_with_brace: whether the first byte is `{`;
        flaw: reason code when its bytes alone reject it;
        content: its text, shared with the bytes read; NULL when they are not UTF-8.
        """
        digests = b"".join(d for piece in self.pieces for d in piece.digests())
        flaws = self.flaws
        count = len(digests) // 32
        columns = {
            "position": pa.array(np.arange(count)),
            "received": pa.array(self._joined([np.full(len(p), p.received) for p in self.pieces])),
            "line": pa.array(self._joined([p.numbers for p in self.pieces])),
            "byte_offset": pa.array(self._joined([p.starts + p.offset for p in self.pieces])),
            "byte_length": pa.array(self._joined([p.lengths for p in self.pieces])),
            "content_sha256": _fixed_texts(digests.hex().encode(), count),
            "starts_with_brace": pa.array(
                np.concatenate([p.starts_with_brace() for p in self.pieces])
            ),
            "flaw": pa.array(map(flaws.get, range(count)), pa.string())
            if flaws
            else pa.nulls(count, pa.string()),
            "content": self.contents(pa.string_view(), self.not_utf8),
        }
        return pa.table(columns)

    def contents(
        self,
        kind: pa.DataType,
        without: Iterable[int] = (),
        chosen: npt.NDArray[np.bool_] | None = None,
    ) -> pa.Array:
        """Return the records as an array that shares the bytes read.

        Args:
            kind: Arrow's view type, of text or of bytes.
            without: Positions that are left NULL. For text these are the records that are not
                UTF-8: Arrow does not check that it is.
            chosen: Which records; default all.
        """
        views = np.concatenate([_views(piece, n) for n, piece in enumerate(self.pieces)])
        buffers = [pa.py_buffer(piece.data) for piece in self.pieces]
        if chosen is not None:
            views = views[chosen]
        valid = None
        if missing := list(without):
            # Arrow's validity bitmap: one bit a value, the lowest first, 1 where there is a value
            bits = np.ones(len(views), np.bool_)
            bits[missing] = False
            valid = pa.py_buffer(np.packbits(bits, bitorder="little").tobytes())
        return pa.Array.from_buffers(kind, len(views), [valid, pa.py_buffer(views), *buffers])

    def record(self, position: int) -> bytes:
        """Return the bytes of one record."""
        for piece in self.pieces:
            if position < len(piece):
                return piece.record(position)
            position -= len(piece)
        raise IndexError(position)

    @staticmethod
    def _joined(arrays: list[Numbers]) -> Numbers:
        return np.concatenate(arrays).astype(np.int64, copy=False)


def _views(piece: Piece, buffer: int) -> npt.NDArray[np.void]:
    """Return an Arrow view of each record, for the buffer of that number."""
    views = np.zeros(len(piece), _VIEW)
    views["length"], views["start"], views["buffer"] = piece.lengths, piece.starts, buffer
    short = piece.lengths <= _INLINE
    # four neighbouring bytes for each record, a row each, read as one number; behind the end of the
    # data the last byte stands in, in short records only, which are overwritten below
    at = piece.starts[:, None] + np.arange(4)
    letters = np.frombuffer(piece.data or b"\0", np.uint8)
    views["prefix"] = letters[np.minimum(at, len(letters) - 1)].view("<u4")[:, 0]
    raw = views.view(np.uint8).reshape(-1, _VIEW.itemsize)
    for index in np.flatnonzero(short).tolist():
        text = piece.record(index).ljust(_INLINE, b"\0")
        raw[index, 4:] = np.frombuffer(text, np.uint8)
    return views


def _fixed_texts(text: bytes, count: int) -> pa.Array:
    """Cut a text into so many of one length, without an object for each."""
    width = len(text) // max(count, 1)
    offsets = np.arange(count + 1, dtype=np.int32) * width
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def _as_one(content: bytes) -> pa.Array:
    """Return an array of one value that shares the bytes."""
    ends = pa.py_buffer(np.array([0, len(content)], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(content)])


def _deepest(brackets: bytes) -> int:
    """Return how deep the deepest line is nested, of text that is brackets and line ends alone."""
    if not brackets:
        return 0
    letters = np.frombuffer(brackets, np.uint8)
    level = np.cumsum(_STEP[letters])
    starts = np.flatnonzero(letters == ord("\n"))
    starts = np.concatenate(([0], starts))
    # each line counts from the level at its start: what stands before it may be unbalanced
    return int((np.maximum.reduceat(level, starts) - (level - _STEP[letters])[starts]).max())


def _depth(record: bytes) -> int:
    return _deepest(_STRING.sub(b"", record).translate(None, _OTHERS + b"\n"))


def _is_utf8(content: bytes) -> bool:
    """Validate without making a copy, as `bytes.decode` would."""
    try:
        _as_one(content).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def piece_of_spans(received: int, data: bytes, spans: Sequence[tuple[int, int, int]]) -> Piece:
    """Build a piece of records whose number, first byte and length are known."""
    columns = np.array(spans, np.int64).reshape(-1, 3)
    return Piece(received, data, 0, columns[:, 0], columns[:, 1], columns[:, 2])
