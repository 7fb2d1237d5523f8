r"""HL7 v2 escape sequences: decoded after a message was split, encoded before one is put together.

Unknown ones, and those that switch character sets (`\C…\`, `\M…\`), are kept as they are.
"""

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Separators:
    """The separators of one message; an empty one is not in use.

    `truncation` is the character of 2.7 that marks a value cut short; it separates nothing.
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

        Letters and digits cannot separate fields or components: then MSH-2 is missing or garbage.
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
        return meanings[code] if code in meanings else _coded(code, match.group(0), codec)

    return _pattern(separators.escape).sub(meaning, text)


def encode_escapes(text: str, separators: Separators) -> str:
    r"""Write a value as it stands in a message: `decode_escapes` gives the same value back.

    Sequences that decoding keeps as they are (`\C…\`, `\M…\`, unknown ones) stay so here.

    Raises:
        ValueError: The value holds a separator and the message has no escape character.
    """
    escape = separators.escape
    codes = _codes(separators)
    if not escape:
        if any(character in codes for character in text):
            raise ValueError("a value holds a separator, and there is no escape character")
        return text

    def written(match: re.Match[str]) -> str:
        whole = match.group(0)
        inner = whole[1:-1]
        if inner and not any(c in codes for c in inner) and _kept(whole, separators):
            return whole
        return "".join(f"{escape}{codes[c]}{escape}" if c in codes else c for c in whole)

    return _unit(escape).sub(written, text)


def _kept(sequence: str, separators: Separators) -> bool:
    return decode_escapes(sequence, separators) == sequence


@lru_cache(maxsize=64)
def _unit(escape: str) -> re.Pattern[str]:
    """Match an escape sequence, or any one character."""
    return re.compile(f"{_pattern(escape).pattern}|.", re.DOTALL)


@lru_cache(maxsize=64)
def _codes(separators: Separators) -> dict[str, str]:
    """Give the code of each character that cannot stand for itself."""
    named = {
        separators.escape: "E",
        separators.field: "F",
        separators.component: "S",
        separators.repeat: "R",
        separators.subcomponent: "T",
        separators.truncation: "P",
        "\r": "X0D",
        "\n": "X0A",
    }
    return {character: code for character, code in named.items() if character}


@lru_cache(maxsize=64)
def _pattern(escape: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}")


@lru_cache(maxsize=64)
def _meanings(separators: Separators) -> dict[str, str]:
    layout = dict.fromkeys(("H", "N", ".in", ".ti", ".fi", ".nf"), "")
    return layout | {
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


def _coded(code: str, whole: str, codec: str) -> str:
    if code.startswith("X"):
        decoded = _hex(code[1:], codec)
        return whole if decoded is None else decoded
    command, number = code[:3], code[3:].strip().lstrip("+-")
    if command in (".sp", ".sk") and number.isdecimal() and number.isascii():
        return ("\n" if command == ".sp" else " ") * min(int(number), 99)
    return "" if command in (".in", ".ti") and number.isdecimal() else whole


def _hex(digits: str, codec: str) -> str | None:
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
