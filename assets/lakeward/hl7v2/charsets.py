"""Which character set a message is in: source override, MSH-18, strict UTF-8, then cp1252.

Every choice says where it comes from, and bytes that do not fit a declared set are an error, never
a replacement character.
"""

import codecs
from dataclasses import dataclass
from functools import lru_cache

TABLE_0211 = {
    "ASCII": "ascii",
    **{f"8859/{n}": f"iso8859-{n}" for n in (*range(1, 12), 13, 14, 15, 16)},
    "ISO IR6": "ascii",
    "ISO IR14": "iso2022_jp_ext",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5hkscs",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
}
"""HL7 table 0211 as Python codecs; a name not listed is looked up among Python's own names."""

SWITCHING = "iso2022_jp_1"
"""Codec for sets that are switched by escape sequences (several repeats in MSH-18)."""


@dataclass(frozen=True)
class Charset:
    """A codec and where its choice comes from: source, msh18, utf8 or cp1252."""

    codec: str
    origin: str


@lru_cache(maxsize=256)
def declared_codec(name: str) -> str | None:
    """Find the codec of a declared name; None when it is empty or not known."""
    first, *others = (part.strip().upper() for part in name.split("~"))
    if any(part in ("ISO IR14", "ISO IR87", "ISO IR159") for part in others):
        return SWITCHING
    if first in TABLE_0211:
        return TABLE_0211[first]
    try:
        codec = codecs.lookup(first.lower()).name if first else None
        return codec if codec and "a".encode(codec) == b"a" else None
    except (LookupError, ValueError):  # unknown, or no text encoding
        return None


def choose(override: str | None, declared: str) -> Charset | None:
    """Give the charset that is laid down by the source or the message, if any."""
    for name, origin in ((override or "", "source"), (declared, "msh18")):
        codec = declared_codec(name)
        if codec:
            return Charset(codec, origin)
    return None


def decode(message: bytes, override: str | None, declared: str) -> tuple[str, Charset] | None:
    """Decode a message; None when its bytes do not fit."""
    laid_down = choose(override, declared)
    tries = (laid_down,) if laid_down else (Charset("utf-8", "utf8"), Charset("cp1252", "cp1252"))
    for charset in tries:
        try:
            return message.decode(charset.codec), charset
        except UnicodeDecodeError:
            continue
    return None
