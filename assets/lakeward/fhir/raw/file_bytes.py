"""The bytes of a landed file, unpacked if it is gzip, in chunks of bounded size.

A file that was cut off or damaged on its way is read as far as it goes: the records before the
damage are good and are needed tonight.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

from lakeward.core.unpacked_size import unfolds_too_far

_GZIP = b"\x1f\x8b"
"""How a gzip file starts. The name does not decide: `.ndjson` may be packed and `.gz` plain."""

_PACKED_SHARE = 8
"""JSON unpacks to about eight times its size, so an eighth of a chunk is read at once."""


TRUNCATED = "truncated_gzip"
TOO_FAR = "gzip_unfolds_too_far"
"""Reason codes of files that are not read to their end."""


def read_chunks(path: Path, size: int) -> Iterator[bytes | str]:
    """Yield the unpacked bytes; at last a reason code when the file is not read to its end.

    Args:
        path: A file, packed or plain.
        size: Bytes of a chunk at most.
    """
    with path.open("rb") as stream:
        if stream.read(len(_GZIP)) == _GZIP:
            stream.seek(0)
            yield from _inflated(iter(lambda: stream.read(size // _PACKED_SHARE), b""), size)
            return
        stream.seek(0)
        yield from iter(lambda: stream.read(size), b"")


def _inflated(packed: Iterator[bytes], size: int) -> Iterator[bytes | str]:
    """Unpack gzip step by step, so that what stands before a damage is still read."""
    inflate = zlib.decompressobj(wbits=31)  # 31: gzip with header and checksum
    complete = False
    taken = given = 0
    try:
        for chunk in packed:
            rest = chunk
            taken += len(chunk)
            while rest:
                if inflate.eof:  # a further member; padding after the last one is not data
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    inflate = zlib.decompressobj(wbits=31)
                if data := inflate.decompress(rest, size):
                    given += len(data)
                    if unfolds_too_far(taken, given):
                        yield TOO_FAR
                        return
                    yield data
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        complete = inflate.eof
    except zlib.error:
        complete = False
    if not complete:
        yield TRUNCATED
