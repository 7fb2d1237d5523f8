"""From the bytes on the wire to the bytes of a file, whatever the headers claim.

Some servers declare gzip and send plain text, others the reverse: the first bytes decide. httpx
would go by the header and fail, so it is not asked to unpack.
"""

import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from lakeward.core.unpacked_size import unfolds_too_far

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


class TruncatedError(ValueError):
    """A gzip stream breaks off or cannot be read."""


def unpacked(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Undo a declared gzip `Content-Encoding`; pass anything else as it is.

    Raises:
        TruncatedError: The stream is declared and begins as gzip, and does not end as such.
    """
    # the header is a list (RFC 9110 section 8.4)
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
    """Yield the lines of a file, gzip or plain, without their line ends."""
    rest = b""
    with path.open("rb") as file:
        for piece in gunzipped(iter(partial(file.read, 1 << 16), b"")):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
    yield rest


def _members(first: bytes, stream: Iterator[bytes]) -> Iterator[bytes]:
    # a gzip file may be several members in a row: whoever appends to one makes such a
    # file. zlib stops after the first member, and the rest would be lost without an error.
    decoder = zlib.decompressobj(wbits=31)
    taken = given = 0
    try:
        for piece in _chain(first, stream):
            rest = piece
            taken += len(piece)
            while rest:
                if decoder.eof:
                    if not rest.strip(b"\0"):
                        break  # padding after the last member
                    decoder = zlib.decompressobj(wbits=31)
                data = decoder.decompress(rest)
                given += len(data)
                if unfolds_too_far(taken, given):
                    raise TruncatedError("unfolds to over 200 times its size")
                yield data
                rest = decoder.unused_data
    except zlib.error as error:
        raise TruncatedError(str(error)) from None
    # the connection may end properly and the file not: only the trailer of gzip shows it
    if not decoder.eof:
        raise TruncatedError("ends before its end")


def _first(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces, the first with at least as many bytes as the mark of gzip has."""
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
