r"""Which character set a message is in: file, source override, MSH-18, strict UTF-8, then cp1252.

    file is UTF-16 or UTF-32     that encoding                            origin `file`
    sources.yaml has `charset`   that codec                               origin `source`
    MSH-18 names a known set     the first named codec that decodes       origin `msh18`
    nothing is stated            strict UTF-8, else cp1252                origin `utf8`, `cp1252`

Every choice says where it comes from, and bytes that do not fit a stated set are an error, never a
replacement character. Nothing is guessed against what is stated: a message in a set that its bytes
put in doubt is decoded as stated and flagged. A wrong guess would be stored as text, and nobody
could see later that it was a guess; a flag can be counted, and the source asked.

Source: HL7 v2.5.1 chapter 2, sections 2.15.9.18 (MSH-18) and 2.7.2 (switching within a message);
HL7 table 0211.
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

_SEPARATORS = "|^~\\&\r"
SWITCH = re.compile(rb"\\(?:C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?)\\")
"""Escapes that switch the character set."""
_ESCAPE = b"\x1b"
"""Starts the sequences of ISO 2022."""
_MSH_18 = 17
"""Index of MSH-18 among the fields of a header that is split at its separators."""
_LAST_SEARCHED = 40
"""Fields up to here may be MSH-18 behind false separators: a header has 21 fields of its own."""


@dataclass(frozen=True)
class Charset:
    r"""The character set of a message.

    Attributes:
        codec: Name of the Python codec.
        origin: What decided: file, source, msh18, utf8 or cp1252.
        flag: What puts it in doubt; None when nothing does.
            looks_like_utf8: another set is stated, yet the bytes are valid UTF-8 beyond ASCII.
            unknown_name: MSH-18 names a set that is not known, or that these bytes cannot be in.
            switched: sets change within the message: repeats of MSH-18, `\C…\` or `\M…\`.
    """

    codec: str
    origin: str
    flag: str | None = None


def is_charset_independent(message: bytes) -> bool:
    """Return whether a message is the same text in every set, and switches none."""
    return message.isascii() and _ESCAPE not in message and not SWITCH.search(message)


@lru_cache(maxsize=256)
def declared_codec(name: str) -> str | None:
    """Find the codec of a declared name; None when it is empty or not known."""
    return next(_declared_codecs(name), None)


def choose_charset(override: str | None, declared: str) -> Charset | None:
    """Return the charset that the file, the source or the message states, if one does.

    Args:
        override: The encoding of a wide file, or `charset` of the source.
        declared: MSH-18, all repeats.
    """
    # the whole file was transcoded, so what its headers declare no longer holds
    if override in WIDE:
        return Charset(override, "file")
    for name, origin in ((override or "", "source"), (declared, "msh18")):
        codec = declared_codec(name)
        if codec:
            return Charset(codec, origin)
    return None


def decode(message: bytes, override: str | None, declared: str) -> tuple[str, Charset] | None:
    """Decode a message; None when its bytes do not fit.

    Args:
        message: Its bytes.
        override: The encoding of a wide file, or `charset` of the source.
        declared: MSH-18, all repeats.
    """
    for charset in _candidates(override, declared):
        # `streams` reads wide files as UTF-8: the codec that is stored is not the one to use here
        codec = "utf-8" if charset.origin == "file" else charset.codec
        try:
            text = message.decode(codec)
        except UnicodeDecodeError:
            continue
        return text, Charset(charset.codec, charset.origin, _flag(message, charset, declared))
    return None


def read_msh_18(message: bytes) -> str:
    """Read MSH-18 of a message, all repeats.

    In sets like Shift-JIS or GB 18030 the second byte of a character may be the separator's, so the
    header splits in too many places and MSH-18 seems to stand further right. Then the set is the
    one that is found in MSH-18 when the header is decoded with it.
    """
    header = message.split(b"\r", 1)[0]
    separator = header[3:4]
    fields = header.split(separator) if separator else []
    plain = fields[_MSH_18].decode("latin-1") if len(fields) > _MSH_18 else ""
    if header.isascii() and _ESCAPE not in header:
        return plain
    names = (field.decode("latin-1") for field in fields[_MSH_18:_LAST_SEARCHED])
    return next((name for name in names if _names_itself(header, separator, name)), plain)


def _names_itself(header: bytes, separator: bytes, name: str) -> bool:
    """Return whether MSH-18 is this name in the header decoded with the set of this name."""
    for codec in _declared_codecs(name):
        try:
            fields = header.decode(codec).split(separator.decode("latin-1"))
        except UnicodeDecodeError:
            continue
        if fields[_MSH_18 : _MSH_18 + 1] == [name]:
            return True
    return False


def _candidates(override: str | None, declared: str) -> Iterator[Charset]:
    stated = choose_charset(override, declared)
    if stated and stated.origin == "msh18":
        yield from (Charset(codec, "msh18") for codec in _declared_codecs(declared))
    elif stated:
        yield stated
    else:
        yield Charset("utf-8", "utf8")
        # cp1252 decodes nearly everything, so it is only tried where MSH-18 names nothing known: a
        # set of the table without a codec here would else be stored as the wrong text
        if not any(part.strip().upper() in TABLE_0211 for part in declared.split("~")):
            yield Charset("cp1252", "cp1252")


def _flag(message: bytes, charset: Charset, declared: str) -> str | None:
    # escapes that switch are kept as they are, so some of the text is not decoded
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
    """Yield the codecs of all repeats of MSH-18, in order, those that can hold the separators."""
    parts = [part.strip().upper() for part in name.split("~")]
    # one codec knows all sets that ISO 2022 switches between, ASCII among them
    if any(TABLE_0211.get(part) == SWITCHING for part in parts):
        yield SWITCHING
        return
    for part in parts:
        codec = TABLE_0211[part] if part in TABLE_0211 else _python_codec(part)
        if codec:
            yield codec


@lru_cache(maxsize=256)
def _python_codec(name: str) -> str | None:
    """Find a codec of Python's in which the separators are their ASCII bytes: no EBCDIC, no hex."""
    try:
        codec = codecs.lookup(name.lower()).name if name else None
        return codec if codec and _SEPARATORS.encode(codec) == _SEPARATORS.encode() else None
    except (LookupError, ValueError):  # unknown, or no text encoding
        return None
