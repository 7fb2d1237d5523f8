"""Files to records: lines, or the spans of one document, in blocks of bounded memory.

Lines are split at LF only; CR before it, a BOM and blank lines are dropped, everything else is kept
byte for byte: `str.splitlines` would cut a name in two at U+2028. What a block is stands in
`record_blocks`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lakeward.fhir.raw.file_bytes import TOO_FAR, TRUNCATED, read_chunks
from lakeward.fhir.raw.record_blocks import Block, Piece, piece_of_spans

BOM = b"\xef\xbb\xbf"
READ = 16 << 20
"""Bytes that are read at once, and about the size of a block."""
RECORD_LIMIT = 64 << 20
"""Longer records are cut off; a file up to this size may be one JSON document spread over lines."""
HEAD = 64 << 10
"""Bytes that are kept of a record that is too long."""

SHORT, MANY = 20, 100_000
"""A resource has 30 bytes at the least. Where so many lines in a row are shorter than this in the
mean, the rest of the file is not read: a row for each of a billion lines would fill the memory."""

TOO_LONG = "record_too_long"
TOO_MANY = "too_many_short_lines"
UNREADABLE = (TRUNCATED, TOO_FAR)
"""Reason codes of records that are rejected for how they end, or their file does."""


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
            # a block per read: of many small files it is as large as of one large one
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
    for chunk in read_chunks(part.path, READ):
        if isinstance(chunk, str):
            yield splitter.last(chunk)
            return
        for piece in splitter.take(chunk):
            if len(piece) > MANY and piece.lengths.mean() < SHORT:
                yield piece.first(MANY, TOO_MANY)
                return
            yield piece
    yield splitter.last(None)


@dataclass
class _Splitter:
    """Cuts the chunks of one file into lines.

        chunk 1   {"id":"a"}␊{"id":    gives {"id":"a"}; {"id": is pending
        chunk 2   "b"}␊{"id":"c"}      gives {"id":"b"}; {"id":"c"} is pending
        the end                        gives {"id":"c"}

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
        # all whole lines of the chunk in one piece: no object is made per line, see `record_blocks`
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
        # the last line of a file often has no line end; with one it is cut as all others are
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
    for chunk in read_chunks(path, READ):
        if isinstance(chunk, str) or size + len(chunk) > RECORD_LIMIT:
            return None
        size += len(chunk)
        parts.append(chunk)
    return b"".join(parts).removeprefix(BOM)
