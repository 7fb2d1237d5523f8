"""Files to NDJSON lines: gzip or plain, in blocks of bounded memory, each line with its place.

Lines are split at LF only; CR before it, a BOM and blank lines are dropped, everything else is kept
byte for byte. What a line holds is not looked at here.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
READ = 16 << 20
DOCUMENT_LIMIT = 64 << 20
"""A file up to this size may be one JSON document spread over lines."""

_UNREADABLE = "truncated_gzip"


@dataclass
class Block:
    """Lines of one or several files, as many as fit in memory.

    Attributes:
        received: Number of the file of each line.
        numbers: Line numbers in the file, from 1.
        offsets: First byte of each line in the (unpacked) file.
        contents: The lines without their ends.
        flaws: Position in the block to the reason why a line cannot be complete.
    """

    received: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    flaws: dict[int, str] = field(default_factory=dict)

    def add(self, received: int, number: int, offset: int, content: bytes) -> None:
        """Take a line."""
        self.received.append(received)
        self.numbers.append(number)
        self.offsets.append(offset)
        self.contents.append(content)

    def extend(self, other: "Block") -> None:
        """Take the lines of another block."""
        shift = len(self.numbers)
        self.flaws.update({shift + index: flaw for index, flaw in other.flaws.items()})
        self.received += other.received
        self.numbers += other.numbers
        self.offsets += other.offsets
        self.contents += other.contents

    def size(self) -> int:
        """Give the bytes held."""
        return sum(map(len, self.contents))

    def envelope(self) -> pa.Table:
        """Give place, byte_offset, byte_length, content_sha256, flaw and, as text, content.

        A line that is not UTF-8 has no content.
        """
        texts, bad = _texts(self.contents)
        flaws = {**dict.fromkeys(bad, "invalid_utf8"), **self.flaws}
        hashes = [hashlib.sha256(content).hexdigest() for content in self.contents]
        return (
            self.places()
            .append_column("byte_offset", pa.array(self.offsets, pa.int64()))
            .append_column("byte_length", pa.array(map(len, self.contents), pa.int64()))
            .append_column("content_sha256", pa.array(hashes, pa.string()))
            .append_column("flaw", pa.array(map(flaws.get, range(len(self.numbers))), pa.string()))
            .append_column("content", texts)
        )

    def places(self) -> pa.Table:
        """Give received and line."""
        return pa.table(
            [pa.array(self.received, pa.int64()), pa.array(self.numbers, pa.int64())],
            names=["received", "line"],
        )

    def with_bytes(self) -> pa.Table:
        """Give received, line and, as bytes, content."""
        return self.places().append_column("content", _binary(self.contents))


def _texts(contents: list[bytes]) -> tuple[pa.Array, list[int]]:
    """Give the lines as text, and which of them are not UTF-8."""
    array = _binary(contents)
    try:
        array.cast(pa.large_string())
    except pa.ArrowInvalid:
        bad = [i for i, content in enumerate(contents) if not _is_utf8(content)]
        known = set(bad)
        array = pa.array(
            [None if i in known else c for i, c in enumerate(contents)], pa.large_binary()
        )
        return array.cast(pa.large_string()), bad
    return array.cast(pa.large_string()), []


def _binary(contents: list[bytes]) -> pa.Array:
    # One join and an offsets buffer: `pa.array` of long byte strings is thirty times slower.
    offsets = pa.array([0, *_running(contents)], pa.int64())
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(contents),
        [None, offsets.buffers()[1], pa.py_buffer(b"".join(contents))],
    )


def _running(contents: list[bytes]) -> Iterator[int]:
    total = 0
    for content in contents:
        total += len(content)
        yield total


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class Part:
    """A file to read; a `document` is one JSON value, whatever its lines."""

    received: int
    path: Path
    document: bool = False


def blocks(parts: Iterable[Part]) -> Iterator[Block]:
    """Read files as blocks of lines; small files share a block, large ones take several."""
    held = Block()
    for part in parts:
        for block in _blocks(part):
            held.extend(block)
            if held.size() >= READ:
                yield held
                held = Block()
    if held.numbers:
        yield held


def _blocks(part: Part) -> Iterator[Block]:
    block = Block()
    if part.document:
        block.add(part.received, 1, 0, read_document(part.path) or b"")
        yield block
        return
    reader = _Splitter(part.received)
    for chunk in _chunks(part.path):
        if chunk is None:
            yield reader.last(_UNREADABLE)
            return
        yield reader.take(chunk)
    yield reader.last(None)


@dataclass
class _Splitter:
    """Cuts the chunks of one file into lines."""

    received: int
    number: int = 1
    offset: int = 0
    pending: list[bytes] = field(default_factory=list)
    started: bool = False

    def take(self, chunk: bytes) -> Block:
        """Give the lines that end in a chunk."""
        if not self.started and chunk.startswith(BOM):
            chunk, self.offset = chunk[len(BOM) :], len(BOM)
        self.started = True
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self.pending.append(tail)
            return Block()
        body = b"".join((*self.pending, head))
        self.pending = [tail]
        return self._split(body, keep_empty=False)

    def last(self, flaw: str | None) -> Block:
        """Give the line that no line end follows."""
        block = self._split(b"".join(self.pending), keep_empty=flaw is not None)
        if flaw:
            block.flaws[0] = flaw
        return block

    def _split(self, body: bytes, *, keep_empty: bool) -> Block:
        block = Block()
        for line in body.split(b"\n"):
            content = line[:-1] if line.endswith(b"\r") else line
            if keep_empty or (content and not content.isspace()):
                block.add(self.received, self.number, self.offset, content)
            self.number += 1
            self.offset += len(line) + 1
        return block


def read_document(path: Path) -> bytes | None:
    """Read a whole file of bounded size; None when it is larger or cannot be unpacked."""
    parts, size = [], 0
    for chunk in _chunks(path):
        size += len(chunk or b"")
        if chunk is None or size > DOCUMENT_LIMIT:
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
