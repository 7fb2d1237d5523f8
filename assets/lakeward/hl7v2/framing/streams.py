"""Opens a file as the bytes that are split: unpacked, and UTF-16 or UTF-32 read as UTF-8.

Positions count these bytes: in a plain file those of the file itself, in a gzip file those of what
it holds, in a UTF-16 or UTF-32 file those of its text in UTF-8. All other character sets can be
split before they are decoded, since no second byte of a character is below 0x20 and none is taken
for a line end: which set a message is in is decided later, in `charsets`.
"""

import codecs
import gzip
import io
import re
from pathlib import Path
from typing import BinaryIO, cast

from lakeward.core.unpacked_size import unfolds_too_far

PIECE = 4 << 20
"""Bytes that are read at once: few reads, and memory that does not grow with the file."""
_BUFFER = 1 << 16
"""Bytes that are transcoded at once."""
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
"""Encodings whose line ends are no single bytes."""

_MARKS = (  # the longer mark first: that of UTF-32-LE starts like that of UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS = re.compile(r"[\s\x0b\x1c]*(?:MSH|FHS|BHS)[^\w\s]")
"""How a file without a mark starts when it is read in the right encoding."""
_GZIP = b"\x1f\x8b"
_HEAD = 256
"""Bytes at the start of a file in which its encoding must show."""


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading its bytes as they are split; seek forward only, where possible.

    Seeking back in a gzip, UTF-16 or UTF-32 file reads it from its start again.
    """
    file = open_unpacked(path)
    encoding = _wide(file.read(_HEAD))
    file.seek(0)
    if encoding is None:
        return file
    return cast(BinaryIO, io.BufferedReader(_Transcoded(file, encoding), _BUFFER))


def open_unpacked(path: Path) -> BinaryIO:
    """Open a file, unpacking it when it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(BinaryIO, _Bounded(path)) if packed else path.open("rb")


class UnfoldsTooFarError(ValueError):
    """A packed file gives more bytes than it may, see `core.unpacked_size`."""


class _Bounded(gzip.GzipFile):
    """A gzip file that is read only as far as its size lets expect."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._packed = path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if unfolds_too_far(self._packed, self.tell()):
            raise UnfoldsTooFarError
        return data


def wide_encoding(path: Path) -> str | None:
    """Find the encoding of a UTF-16 or UTF-32 file, by its byte order mark or by how it starts."""
    with open_unpacked(path) as file:
        return _wide(file.read(_HEAD))


def _wide(head: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\x00" not in head:  # in UTF-16 and UTF-32 every ASCII character has a zero byte
        return None
    for encoding in WIDE:
        if _STARTS.match(head.decode(encoding, "ignore")):
            return encoding
    return None


class _Transcoded(io.RawIOBase):
    """UTF-16 or UTF-32 as UTF-8, in which what is no text stays no text.

    A lone surrogate becomes three bytes that are no UTF-8, a cut-off last character the byte 0xFF.
    So the one message that holds it cannot be decoded and is rejected. A replacement character
    would be stored as if it had been sent, an exception would lose the whole file.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._file, self._encoding = file, encoding
        self._start()

    def _start(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self._encoding)("surrogatepass")
        self._ready, self._position, self._ended = b"", 0, False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("seek from the end")
        if target < self._position:
            self._file.seek(0)
            self._start()
        while self._position < target and self.read(min(target - self._position, PIECE)):
            continue
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            self._fill()
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        self._position += size
        return size

    def _fill(self) -> None:
        read = self._file.read(_BUFFER)
        self._ended = not read
        try:
            text = self._decoder.decode(read, final=self._ended)
        except UnicodeDecodeError:
            self._ready = b"\xff"
            self._ended = True
            return
        self._ready = text.encode("utf-8", "surrogatepass")

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
