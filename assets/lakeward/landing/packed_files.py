"""Files that no format reads as they are: packed otherwise than with gzip once, or misnamed.

Such a file is not data of any format, so its records are neither stored nor quarantined. It must be
named to the people who deliver it; how a file that can be read is read belongs to the formats.
"""

import gzip
import zlib
from pathlib import Path

from lakeward.core.files import shown

_GZIP = b"\x1f\x8b"
_MAGIC = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"PAR1": "Parquet",
}
"""The first bytes of files, by how they are packed.

Source: APPNOTE.TXT 4.3.7 (zip), RFC 8878 section 3.1.1 (zstd), the format pages of the others.
"""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{")
"""Byte order marks, and how JSON begins without one."""
_START = max(map(len, _MAGIC))


def packing_of(path: Path, *, reads_utf16: bool = False) -> str | None:
    """Return how a file is packed or encoded, if in a way that is not read; None for all others.

    Args:
        path: The file.
        reads_utf16: Its format reads UTF-16, too.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    if start.startswith(_GZIP):
        start = _unpacked(path)
        if start.startswith(_GZIP):
            return "gzip in gzip"
    if not reads_utf16 and start.startswith(_UTF_16):
        return "UTF-16"
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def _unpacked(path: Path) -> bytes:
    """Return how the content of a gzip file begins; nothing of one that is damaged."""
    try:
        with gzip.open(path) as file:
            return file.read(_START)
    except (OSError, EOFError, zlib.error):
        return b""


def is_nameable(path: Path) -> bool:
    """Return whether the name of a file is text: tables and messages cannot hold other names."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shown_name(path: Path) -> str:
    """Return the name of a file with each byte that is no text as an escape in hexadecimal."""
    return shown(path.name)
