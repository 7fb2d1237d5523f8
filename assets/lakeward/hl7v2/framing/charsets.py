r"""Which character set a message is in: file, source override, MSH-18, strict UTF-8, then cp1252.

Every choice says where it comes from, and bytes that do not fit a declared set are an error, never
a replacement character. Nothing is guessed against what is declared: a message in a set that its
bytes put in doubt is decoded as declared and flagged, since a wrong guess could not be told later.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lakeward.hl7v2.framing.streams import WIDE

SWITCHING = "iso2022_jp_ext"
"""Codec for the Japanese sets that are switched by escape sequences (ISO 2022)."""

TABLE_0211: dict[str, str | None] = {
    "ASCII": "ascii",
    **{f"8859/{n}": f"iso8859-{n}" for n in (*range(1, 12), 13, 14, 15, 16)},
    "ISO IR6": "ascii",
    "ISO IR14": SWITCHING,
    "ISO IR87": SWITCHING,
    "ISO IR159": SWITCHING,
    "JAS2020": SWITCHING,
    "JIS X 0202": SWITCHING,
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5hkscs",
    "CNS 11643-1992": None,
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": None,
    "UNICODE UTF-32": None,
}
"""HL7 table 0211 as Python codecs; a name not listed is looked up among Python's own names.

None: no codec for single messages (files in UTF-16 and UTF-32 are read as such from their start).
"""

FLAGS = {
    "looks_like_utf8": "another set is declared, yet the bytes are valid UTF-8 beyond ASCII",
    "unknown_name": "MSH-18 names a set that is not known, or that these bytes cannot be in",
    "switched": r"sets change within the message: repeats of MSH-18, or \C…\ and \M…\ escapes",
}
"""Codes of what puts the charset of a message in doubt."""

_SEPARATORS = "|^~\\&\r"
SWITCH = re.compile(rb"\\(?:C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?)\\")
"""Escapes that switch the character set."""
_ESCAPE = b"\x1b"


@dataclass(frozen=True)
class Charset:
    """A codec, where its choice comes from (file, source, msh18, utf8, cp1252), and any doubt."""

    codec: str
    origin: str
    flag: str | None = None


def is_plain(message: bytes) -> bool:
    """Say whether a message is the same in every set, and switches none."""
    return message.isascii() and _ESCAPE not in message and not SWITCH.search(message)


@lru_cache(maxsize=256)
def declared_codec(name: str) -> str | None:
    """Find the codec of a declared name; None when it is empty or not known."""
    return next(_declared_codecs(name), None)


def choose(override: str | None, declared: str) -> Charset | None:
    """Give the charset that is laid down by the file, the source or the message, if any."""
    if override in WIDE:
        return Charset(override, "file")
    for name, origin in ((override or "", "source"), (declared, "msh18")):
        codec = declared_codec(name)
        if codec:
            return Charset(codec, origin)
    return None


def decode(message: bytes, override: str | None, declared: str) -> tuple[str, Charset] | None:
    """Decode a message; None when its bytes do not fit."""
    for charset in _candidates(override, declared):
        codec = "utf-8" if charset.origin == "file" else charset.codec
        try:
            text = message.decode(codec)
        except UnicodeDecodeError:
            continue
        return text, Charset(charset.codec, charset.origin, _flag(message, charset, declared))
    return None


def declared_name(message: bytes) -> str:
    """Read MSH-18 of a message, all repeats.

    In sets like Shift-JIS or GB 18030 the second byte of a character may be the separator's: then
    the set is the one that stands in MSH-18 when the header is decoded with it.
    """
    header = message.split(b"\r", 1)[0]
    separator = header[3:4]
    fields = header.split(separator) if separator else []
    plain = fields[17].decode("latin-1") if len(fields) > 17 else ""
    if header.isascii() and _ESCAPE not in header:
        return plain
    names = (field.decode("latin-1") for field in fields[17:40])
    return next((name for name in names if _stands_in(header, separator, name)), plain)


def _stands_in(header: bytes, separator: bytes, name: str) -> bool:
    for codec in _declared_codecs(name):
        try:
            fields = header.decode(codec).split(separator.decode("latin-1"))
        except UnicodeDecodeError:
            continue
        if fields[17:18] == [name]:
            return True
    return False


def _candidates(override: str | None, declared: str) -> Iterator[Charset]:
    laid_down = choose(override, declared)
    if laid_down and laid_down.origin == "msh18":
        yield from (Charset(codec, "msh18") for codec in _declared_codecs(declared))
    elif laid_down:
        yield laid_down
    else:
        yield Charset("utf-8", "utf8")
        if not any(part.strip().upper() in TABLE_0211 for part in declared.split("~")):
            yield Charset("cp1252", "cp1252")


def _flag(message: bytes, charset: Charset, declared: str) -> str | None:
    if SWITCH.search(message) or any(part.strip() for part in declared.split("~")[1:]):
        return "switched"
    if charset.origin in ("utf8", "cp1252"):
        return "unknown_name" if declared.strip() else None
    if charset.origin != "file" and charset.codec != "utf-8" and _is_utf8(message):
        return "looks_like_utf8"
    return None


def _is_utf8(message: bytes) -> bool:
    if message.isascii():
        return False
    try:
        message.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _declared_codecs(name: str) -> Iterator[str]:
    """Give the codecs of all repeats of MSH-18, in order, those that can hold the separators."""
    parts = [part.strip().upper() for part in name.split("~")]
    if any(TABLE_0211.get(part) == SWITCHING for part in parts):
        yield SWITCHING
        return
    for part in parts:
        codec = TABLE_0211[part] if part in TABLE_0211 else _python_codec(part)
        if codec:
            yield codec


@lru_cache(maxsize=256)
def _python_codec(name: str) -> str | None:
    try:
        codec = codecs.lookup(name.lower()).name if name else None
        return codec if codec and _SEPARATORS.encode(codec) == _SEPARATORS.encode() else None
    except (LookupError, ValueError):  # unknown, or no text encoding
        return None
