"""Files to records as spans of bytes: gzip or plain, in blocks of bounded memory.

Lines are split at LF only; CR before it, a BOM and blank lines are dropped, everything else is kept
byte for byte. Spans are arrays of places in the bytes that were read: no object is made per line.
What a record holds is not looked at here.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.lake.arrow import hex_texts

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
READ = 16 << 20
RECORD_LIMIT = 64 << 20
"""Longer records are cut off; a file up to this size may be one JSON document spread over lines."""
HEAD = 64 << 10
"""What is kept of a record that is too long."""

TOO_LONG = "record_too_long"
UNREADABLE = "truncated_gzip"
NOT_TEXT = "invalid_utf8"

_INLINE = 12
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("start", "<i4")])
"""Layout of one value of an Arrow string view; values up to 12 bytes stand in it themselves."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Records of one file in one buffer.

    Attributes:
        received: Number of the file.
        data: The bytes that were read.
        offset: Where they stand in the (unpacked) file.
        numbers: Of each record, its number in the file: the line, from 1.
        starts: Of each record, its first byte in `data`.
        lengths: Of each record, its bytes.
        flaw: Reason why the last record cannot be complete.
    """

    received: int
    data: bytes
    offset: int
    numbers: Numbers
    starts: Numbers
    lengths: Numbers
    flaw: str | None = None

    def __len__(self) -> int:
        """Give the number of records."""
        return len(self.numbers)

    def record(self, index: int) -> bytes:
        """Give the bytes of one record."""
        start = int(self.starts[index])
        return self.data[start : start + int(self.lengths[index])]

    def digests(self) -> Iterator[bytes]:
        """Give the SHA-256 of each record."""
        view, ends = memoryview(self.data), self.starts + self.lengths
        for start, end in zip(self.starts.tolist(), ends.tolist(), strict=True):
            yield sha256(view[start:end]).digest()

    def opens(self) -> npt.NDArray[np.bool_]:
        """Tell of each record whether its first byte is a brace."""
        if not self.data:
            return np.zeros(len(self), np.bool_)
        letters = np.frombuffer(self.data, np.uint8)
        opens: npt.NDArray[np.bool_] = letters[self.starts] == ord("{")
        return opens

    def contains(self, pattern: str) -> bool:
        """Tell whether a regular expression is found anywhere in the bytes read."""
        return bool(pc.match_substring_regex(_as_one(self.data), pattern)[0].as_py())

    @cached_property
    def broken_text(self) -> frozenset[int]:
        """Which records are not UTF-8."""
        if self.data.isascii() or _is_utf8(self.data):
            return frozenset()
        return frozenset(i for i in range(len(self)) if not _is_utf8(self.record(i)))


@dataclass(frozen=True)
class Block:
    """Records of one or several files, as many as fit in memory."""

    pieces: tuple[Piece, ...]

    def __len__(self) -> int:
        """Give the number of records."""
        return sum(map(len, self.pieces))

    @property
    def size(self) -> int:
        """Give the bytes that it holds."""
        return sum(len(piece.data) for piece in self.pieces)

    @property
    def lengths(self) -> Numbers:
        """Give the bytes of each record."""
        return np.concatenate([piece.lengths for piece in self.pieces])

    @property
    def broken_text(self) -> list[int]:
        """Give the positions of records that are not UTF-8."""
        firsts = np.cumsum([0, *map(len, self.pieces)]).tolist()
        return [
            first + index
            for first, piece in zip(firsts, self.pieces, strict=False)
            for index in piece.broken_text
        ]

    @property
    def flaws(self) -> dict[int, str]:
        """Give, by position, why a record is none, as far as its bytes tell."""
        found = dict.fromkeys(self.broken_text, NOT_TEXT)
        lasts = (np.cumsum([len(piece) for piece in self.pieces]) - 1).tolist()
        found.update(
            {n: piece.flaw for n, piece in zip(lasts, self.pieces, strict=True) if piece.flaw}
        )
        return found

    def envelope(self) -> pa.Table:
        """Give position, received, line, byte_offset, byte_length, content_sha256, opens and flaw.

        And, as text, content; a record that is not UTF-8 has none. `opens` tells whether the first
        byte is a brace.
        """
        digests = [digest for piece in self.pieces for digest in piece.digests()]
        flaws = self.flaws
        count = len(digests)
        columns = {
            "position": pa.array(np.arange(count)),
            "received": pa.array(self._joined([np.full(len(p), p.received) for p in self.pieces])),
            "line": pa.array(self._joined([p.numbers for p in self.pieces])),
            "byte_offset": pa.array(self._joined([p.starts + p.offset for p in self.pieces])),
            "byte_length": pa.array(self._joined([p.lengths for p in self.pieces])),
            "content_sha256": hex_texts(digests),
            "opens": pa.array(np.concatenate([p.opens() for p in self.pieces])),
            "flaw": pa.array(map(flaws.get, range(count)), pa.string())
            if flaws
            else pa.nulls(count, pa.string()),
            "content": self.contents(pa.string_view(), self.broken_text),
        }
        return pa.table(columns)

    def contents(
        self,
        kind: pa.DataType,
        without: Iterable[int] = (),
        chosen: npt.NDArray[np.bool_] | None = None,
    ) -> pa.Array:
        """Give the records as an array that shares the bytes read.

        Args:
            kind: Arrow's view type, of text or of bytes.
            without: Positions that are left NULL.
            chosen: Which records; default all.
        """
        views = np.concatenate([_views(piece, n) for n, piece in enumerate(self.pieces)])
        buffers = [pa.py_buffer(piece.data) for piece in self.pieces]
        if chosen is not None:
            views = views[chosen]
        valid = None
        if missing := list(without):
            bits = np.ones(len(views), np.bool_)
            bits[missing] = False
            valid = pa.py_buffer(np.packbits(bits, bitorder="little").tobytes())
        return pa.Array.from_buffers(kind, len(views), [valid, pa.py_buffer(views), *buffers])

    def record(self, position: int) -> bytes:
        """Give the bytes of one record."""
        for piece in self.pieces:
            if position < len(piece):
                return piece.record(position)
            position -= len(piece)
        raise IndexError(position)

    @staticmethod
    def _joined(arrays: list[Numbers]) -> Numbers:
        return np.concatenate(arrays).astype(np.int64, copy=False)


def _views(piece: Piece, buffer: int) -> npt.NDArray[np.void]:
    views = np.zeros(len(piece), _VIEW)
    views["length"], views["start"], views["buffer"] = piece.lengths, piece.starts, buffer
    short = piece.lengths <= _INLINE
    at = piece.starts[:, None] + np.arange(4)
    letters = np.frombuffer(piece.data or b"\0", np.uint8)
    views["prefix"] = letters[np.minimum(at, len(letters) - 1)].view("<u4")[:, 0]
    raw = views.view(np.uint8).reshape(-1, _VIEW.itemsize)
    for index in np.flatnonzero(short).tolist():
        text = piece.record(index).ljust(_INLINE, b"\0")
        raw[index, 4:] = np.frombuffer(text, np.uint8)
    return views


def _as_one(content: bytes) -> pa.Array:
    ends = pa.py_buffer(np.array([0, len(content)], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(content)])


def _is_utf8(content: bytes) -> bool:
    """Validate without making a copy, as `bytes.decode` would."""
    try:
        _as_one(content).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


@dataclass(frozen=True)
class Part:
    """A file to read.

    Attributes:
        received: Number of the file.
        path: Where it lies.
        places: Of a file that is one JSON document, where its records stand: of each its number,
            first byte and length. None for lines.
        unit: What its records are numbered by.
    """

    received: int
    path: Path
    places: tuple[tuple[int, int, int], ...] | None = None
    unit: Literal["line", "entry"] = "line"


def blocks(parts: Iterable[Part]) -> Iterator[Block]:
    """Read files as blocks of lines; small files share a block, large ones take several."""
    held: list[Piece] = []
    size = 0
    for part in parts:
        for piece in _pieces(part):
            if not len(piece):
                continue
            held.append(piece)
            size += len(piece.data)
            if size >= READ:
                yield Block(tuple(held))
                held, size = [], 0
    if held:
        yield Block(tuple(held))


def _pieces(part: Part) -> Iterator[Piece]:
    if part.places is not None:
        yield spans(part.received, read_document(part.path) or b"", part.places)
        return
    reader = _Splitter(part.received)
    for chunk in _chunks(part.path):
        if chunk is None:
            yield reader.last(UNREADABLE)
            return
        yield from reader.take(chunk)
    yield reader.last(None)


def spans(received: int, data: bytes, places: Sequence[tuple[int, int, int]]) -> Piece:
    """Make a piece of records at given places: number, first byte and length of each."""
    columns = np.array(places, np.int64).reshape(-1, 3)
    return Piece(received, data, 0, columns[:, 0], columns[:, 1], columns[:, 2])


@dataclass
class _Splitter:
    """Cuts the chunks of one file into lines."""

    received: int
    number: int = 1
    offset: int = 0
    pending: list[bytes] = field(default_factory=list)
    waiting: int = 0
    started: bool = False

    def take(self, chunk: bytes) -> Iterator[Piece]:
        """Give the lines that end in a chunk."""
        if not self.started and chunk.startswith(BOM):
            chunk, self.offset = chunk[len(BOM) :], len(BOM)
        self.started = True
        first = chunk.find(b"\n") + 1
        if self.waiting + (first or len(chunk)) > RECORD_LIMIT:
            self._wait(chunk[: first or len(chunk)])
            if not first:
                return
            yield self.last(None)
            chunk = chunk[first:]
        end = chunk.rfind(b"\n") + 1
        body = b"".join((*self.pending, chunk[:end])) if end else b""
        if end:
            self.pending, self.waiting = [], 0
            yield self._split(body)
        self._wait(chunk[end:])

    def _wait(self, rest: bytes) -> None:
        """Keep the start of a line; of one that is too long only its head."""
        self.waiting += len(rest)
        self.pending.append(rest)
        if self.waiting > RECORD_LIMIT:
            self.pending = [b"".join(self.pending)[:HEAD]]

    def last(self, flaw: str | None) -> Piece:
        """Give the line that no line end follows; a flawed one even if it is empty."""
        rest = b"".join(self.pending)
        if self.waiting > RECORD_LIMIT:
            cut = spans(self.received, rest, [(self.number, 0, len(rest))])
            cut = replace(cut, offset=self.offset, flaw=TOO_LONG)
            self.number, self.offset = self.number + 1, self.offset + self.waiting
            self.pending, self.waiting = [], 0
            return cut
        if flaw:
            whole = spans(self.received, rest, [(self.number, 0, len(rest.removesuffix(b"\r")))])
            return replace(whole, offset=self.offset, flaw=flaw)
        return self._split(rest + b"\n")

    def _split(self, body: bytes) -> Piece:
        letters = np.frombuffer(body, np.uint8)
        ends = np.flatnonzero(letters == ord("\n"))
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts
        lengths -= (letters[ends - 1] == ord("\r")) & (lengths > 0)
        kept = lengths > 0
        for index in np.flatnonzero(kept & (letters[starts] <= ord(" "))).tolist():
            start = int(starts[index])
            kept[index] = not body[start : start + int(lengths[index])].isspace()
        numbers = self.number + np.arange(len(ends))
        piece = Piece(self.received, body, self.offset, numbers[kept], starts[kept], lengths[kept])
        self.number += len(ends)
        self.offset += len(body)
        return piece


def read_document(path: Path) -> bytes | None:
    """Read a whole file of bounded size; None when it is larger or cannot be unpacked."""
    parts, size = [], 0
    for chunk in _chunks(path):
        size += len(chunk or b"")
        if chunk is None or size > RECORD_LIMIT:
            return None
        parts.append(chunk)
    return b"".join(parts).removeprefix(BOM)


def _chunks(path: Path) -> Iterator[bytes | None]:
    """Give the decompressed bytes; None at last when the file ends before its content does."""
    with path.open("rb") as stream:
        if stream.read(len(GZIP)) == GZIP:
            stream.seek(0)
            yield from _inflated(iter(lambda: stream.read(READ // 8), b""))
            return
        stream.seek(0)
        yield from iter(lambda: stream.read(READ), b"")


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes | None]:
    inflate = zlib.decompressobj(wbits=31)
    complete = False
    try:
        for chunk in packed:
            rest = chunk
            while rest:
                if inflate.eof:  # a further member; padding after the last one is not data
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    inflate = zlib.decompressobj(wbits=31)
                if data := inflate.decompress(rest, READ):
                    yield data
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        complete = inflate.eof
    except zlib.error:
        complete = False
    if not complete:
        yield None
