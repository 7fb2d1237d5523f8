"""Bytes as they come over the wire to the bytes of the file, whatever the headers claim.

Servers declare gzip and send plain text, or the other way round: the first bytes decide.
"""

import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


class TruncatedError(ValueError):
    """A gzip stream ended before its end or cannot be read."""


def unpacked(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Undo a declared gzip `Content-Encoding`; anything else is passed as it is.

    Raises:
        TruncatedError: The stream is declared and begins as gzip, and does not end as such.
    """
    declared = {part.strip().lower() for part in (encoding or "").split(",")}
    return gunzipped(pieces) if declared & {"gzip", "x-gzip"} else iter(pieces)


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack a stream that begins as gzip (several members too); pass any other as it is."""
    stream = _first(iter(pieces))
    first = next(stream, b"")
    if not first.startswith(GZIP):
        yield first
        yield from stream
        return
    yield from _members(first, stream)


def lines_of(path: Path) -> Iterator[bytes]:
    """Give the lines of a file, gzip or plain, one at a time."""
    rest = b""
    with path.open("rb") as file:
        for piece in gunzipped(iter(partial(file.read, 1 << 16), b"")):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
    yield rest


def _members(first: bytes, stream: Iterator[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=31)
    try:
        for piece in _chain(first, stream):
            rest = piece
            while rest:
                if decoder.eof:
                    if not rest.strip(b"\0"):
                        break  # padding after the last member
                    decoder = zlib.decompressobj(wbits=31)
                yield decoder.decompress(rest)
                rest = decoder.unused_data
    except zlib.error as error:
        raise TruncatedError(str(error)) from None
    if not decoder.eof:
        raise TruncatedError("ends before its end")


def _first(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give the pieces, the first one with at least two bytes where there are so many."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(GZIP):
            break
    yield head
    yield from pieces


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
