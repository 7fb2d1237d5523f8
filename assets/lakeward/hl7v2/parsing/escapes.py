r"""Decodes HL7 v2 escape sequences of values, after a message was split at its separators.

    \F\ \S\ \R\ \E\ \T\ \P\    the separators of the message
    \X0D0A\                    bytes in hexadecimal, in the character set of the message
    \.br\ \.sp2\ \.sk3\        line breaks and blanks of formatted text
    \H\ \N\                    highlighting: dropped
    \C2842\ \M242A\ \Zlocal\   switched character sets, local and unknown ones: kept as they are

What is kept can still be decoded by somebody who knows more; what is dropped changes no word.

Source: HL7 v2.5.1 chapter 2, sections 2.7.1 to 2.7.7; v2.7 for the truncation character.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_MOST_BLANKS = 99
"""A message may ask for a billion blank lines, which would fill the memory and help nobody."""


@dataclass(frozen=True)
class Separators:
    """The separators of one message (MSH-1 and MSH-2); an empty one is not in use.

    `truncation` is the character of v2.7 that marks a value cut short; it separates nothing.
    """

    field: str = "|"
    component: str = "^"
    repeat: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @classmethod
    def of(cls, header: str) -> "Separators | None":
        """Read them from the start of an MSH segment; None when they cannot be used.

        Letters and digits cannot separate fields or components: then MSH-2 is missing or garbage,
        and splitting at a letter would put the halves of a word into two columns. An empty MSH-2
        stands for the separators that the standard recommends.
        """
        field, encoding = header[3:4], header[4:].split(header[3:4] or "|")[0].split("\r")[0]
        if encoding and not encoding[:4].isascii():
            return None
        truncation, encoding = encoding[4:5], encoding[:4] or "^~\\&"
        used = field + encoding
        if not field.isascii() or len(set(used)) < len(used) or any(map(str.isspace, used)):
            return None
        if any(map(str.isalnum, used[:2])):
            return None
        if not truncation.isascii() or truncation in used or truncation.isalnum():
            truncation = ""
        component, repeat, escape, subcomponent = (encoding[n : n + 1] for n in range(4))
        return cls(field, component, repeat, escape, subcomponent, truncation)


def decode_escapes(text: str, separators: Separators, codec: str = "utf-8") -> str:
    r"""Decode all escape sequences of a value; `codec` is that of bytes given as `\X…\`."""
    if not separators.escape or separators.escape not in text:
        return text
    meanings = _meanings(separators)

    def meaning(match: re.Match[str]) -> str:
        code = match.group(1)
        return (
            meanings[code]
            if code in meanings
            else _decode_with_argument(code, match.group(0), codec)
        )

    return _pattern(separators.escape).sub(meaning, text)


@lru_cache(maxsize=64)
def _pattern(escape: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}")


@lru_cache(maxsize=64)
def _meanings(separators: Separators) -> dict[str, str]:
    """List the sequences without an argument, and what each stands for."""
    # indentation, filling and highlighting say how a text is printed, not what it says
    dropped = dict.fromkeys(("H", "N", ".in", ".ti", ".fi", ".nf"), "")
    return dropped | {
        "F": separators.field,
        "S": separators.component,
        "R": separators.repeat,
        "E": separators.escape,
        "T": separators.subcomponent or "&",
        "P": separators.truncation or "#",
        ".br": "\n",
        ".sp": "\n",
        ".ce": "\n",
        ".sk": " ",
    }


def _decode_with_argument(code: str, whole: str, codec: str) -> str:
    """Decode a sequence that carries bytes or a number; unknown ones stay as they are."""
    if code.startswith("X"):
        decoded = _hex(code[1:], codec)
        return whole if decoded is None else decoded
    command, number = code[:3], code[3:].strip().lstrip("+-")
    if command in (".sp", ".sk") and number.isdecimal() and number.isascii():
        return ("\n" if command == ".sp" else " ") * min(int(number), _MOST_BLANKS)
    return "" if command in (".in", ".ti") and number.isdecimal() else whole


def _hex(digits: str, codec: str) -> str | None:
    """Decode bytes; None when the digits are no bytes.

    Senders do not always write them in the set of the message, so what does not decode is tried in
    others: Latin-1 takes any bytes.
    """
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    for name in (codec, "utf-8", "cp1252", "latin-1"):
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return None
