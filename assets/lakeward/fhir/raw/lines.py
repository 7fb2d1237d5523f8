"""Files to records as spans of bytes: gzip or plain, in blocks of bounded memory.

Lines are split at LF only; CR before it, a BOM and blank lines are dropped, everything else is kept
byte for byte: `str.splitlines` would cut a name in two at U+2028. No object is made per line, since
a million of them cost more than reading them. A piece is the bytes of one read, and arrays:

    file 7, its 2nd piece, from byte 40 of the file; the last line is blank

    data      {"id":"a"}␊{"id":"bc"}␍␊␊      ␊ is LF, ␍ is CR
              ^0         ^11          ^24
    numbers   [5,        6]                lines in the file; line 7 is blank and left out
    starts    [0,        11]               first byte of each record in `data`; in the file 40 more
    lengths   [10,       11]               bytes of each record, without its line end

A block is several pieces, of one large file or of many small ones:

    Block ── Piece(file 7, data of 16 MB)  ── records 0 … 9,999
          └─ Piece(file 8, data of 2 KB)   ── records 10,000 and 10,001

A record is found by its position in the block (0 to 10,001) or by its file and number. What a
record holds is not looked at here.
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

GZIP = b"\x1f\x8b"
"""How a gzip file starts: names lie, `.ndjson` may be packed and `.gz` plain."""
BOM = b"\xef\xbb\xbf"
READ = 16 << 20
"""Bytes that are read at once, and about the size of a block."""
RECORD_LIMIT = 64 << 20
"""Longer records are cut off; a file up to this size may be one JSON document spread over lines."""
HEAD = 64 << 10
"""Bytes that are kept of a record that is too long."""

TOO_LONG = "record_too_long"
UNREADABLE = "truncated_gzip"
NOT_TEXT = "invalid_utf8"

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
        firsts = np.cumsum([0, *map(len, self.pieces)]).tolist()
        return [
            first + index
            for first, piece in zip(firsts, self.pieces, strict=False)
            for index in piece.not_utf8
        ]

    @property
    def flaws(self) -> dict[int, str]:
        """Reason codes of records that are rejected for their bytes alone, by position."""
        found = dict.fromkeys(self.not_utf8, NOT_TEXT)
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


def _is_utf8(content: bytes) -> bool:
    """Validate without making a copy, as `bytes.decode` would."""
    try:
        _as_one(content).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


@dataclass(frozen=True)
class FilePart:
    """A file to read, and which part of it are records.

    Attributes:
        received: Number of the file.
        path: Where it lies.
        spans: For a file that is one JSON document: number, first byte and length of each record.
            None for a file of lines.
        unit: What its records are numbered by.
    """

    received: int
    path: Path
    spans: tuple[tuple[int, int, int], ...] | None = None
    unit: Literal["line", "entry"] = "line"


def blocks(parts: Iterable[FilePart]) -> Iterator[Block]:
    """Read files as blocks of records; small files share a block, large ones take several."""
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


def _pieces(part: FilePart) -> Iterator[Piece]:
    if part.spans is not None:
        yield piece_of_spans(part.received, read_document(part.path) or b"", part.spans)
        return
    splitter = _Splitter(part.received)
    for chunk in _chunks(part.path):
        if chunk is None:
            yield splitter.last(UNREADABLE)
            return
        yield from splitter.take(chunk)
    yield splitter.last(None)


def piece_of_spans(received: int, data: bytes, spans: Sequence[tuple[int, int, int]]) -> Piece:
    """Build a piece of records whose number, first byte and length are known."""
    columns = np.array(spans, np.int64).reshape(-1, 3)
    return Piece(received, data, 0, columns[:, 0], columns[:, 1], columns[:, 2])


@dataclass
class _Splitter:
    """Cuts the chunks of one file into lines.

    Attributes:
        received: Number of the file.
        number: Number of the next line.
        offset: Where the next line starts in the unpacked file.
        pending: The start of that line, from the chunks before; of a line too long its head.
        waiting: How many bytes of that line have come.
        started: Whether the first chunk has come: only there can be a BOM.
    """

    received: int
    number: int = 1
    offset: int = 0
    pending: list[bytes] = field(default_factory=list)
    waiting: int = 0
    started: bool = False

    def take(self, chunk: bytes) -> Iterator[Piece]:
        """Yield the lines that end in a chunk."""
        if not self.started and chunk.startswith(BOM):
            chunk, self.offset = chunk[len(BOM) :], len(BOM)
        self.started = True
        first = chunk.find(b"\n") + 1
        if self.waiting + (first or len(chunk)) > RECORD_LIMIT:
            # the line that is being read is too long: it is ended here, and the rest is as usual
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
        """Return the line that no line end follows; a flawed one even if it is empty."""
        rest = b"".join(self.pending)
        if self.waiting > RECORD_LIMIT:
            cut = piece_of_spans(self.received, rest, [(self.number, 0, len(rest))])
            cut = replace(cut, offset=self.offset, flaw=TOO_LONG)
            self.number, self.offset = self.number + 1, self.offset + self.waiting
            self.pending, self.waiting = [], 0
            return cut
        if flaw:
            whole = piece_of_spans(
                self.received, rest, [(self.number, 0, len(rest.removesuffix(b"\r")))]
            )
            return replace(whole, offset=self.offset, flaw=flaw)
        return self._split(rest + b"\n")

    def _split(self, body: bytes) -> Piece:
        """Return the lines of bytes that end with a line end."""
        letters = np.frombuffer(body, np.uint8)
        ends = np.flatnonzero(letters == ord("\n"))
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts
        lengths -= (letters[ends - 1] == ord("\r")) & (lengths > 0)
        # Only a line that starts with space can be blank. Few do: they are looked at one by one.
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
    """Read a whole file of up to `RECORD_LIMIT`; None when it is larger or cannot be unpacked."""
    parts, size = [], 0
    for chunk in _chunks(path):
        size += len(chunk or b"")
        if chunk is None or size > RECORD_LIMIT:
            return None
        parts.append(chunk)
    return b"".join(parts).removeprefix(BOM)


def _chunks(path: Path) -> Iterator[bytes | None]:
    """Yield the unpacked bytes; None at last when the file ends before its content does."""
    with path.open("rb") as stream:
        if stream.read(len(GZIP)) == GZIP:
            stream.seek(0)
            yield from _inflated(iter(lambda: stream.read(READ // 8), b""))
            return
        stream.seek(0)
        yield from iter(lambda: stream.read(READ), b"")


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes | None]:
    """Unpack gzip step by step, so that what stands before a damage is still read."""
    inflate = zlib.decompressobj(wbits=31)  # 31: gzip with header and checksum
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
