"""A file that is one Bundle: where its entries' resources stand, as delivered.

Every entry with a resource is a record of its own. A Bundle line of an NDJSON file is not cut up:
there every line is a record. What an entry's request asks for is not carried out here.

Python's `json` says where a value ends but builds it; it is used for that alone, so that a resource
keeps its bytes (`1.10` stays `1.10`).
"""

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()

WHOLE = 0
"""Number of the record that is the Bundle itself; entries count from 1."""

Span = tuple[int, int, int]
"""Number, first byte and length of a record."""


def bundle_spans(content: bytes) -> list[Span]:
    """Return where a document's records stand: each entry's resource, and the Bundle if needed.

    The Bundle itself is a record too when an entry has no resource (a deletion, an answer) or when
    it has no entries, so that nothing of it is lost. Empty when the document is no Bundle.

    Args:
        content: The whole file, valid JSON.
    """
    # in this charset a character is a byte, so positions are the file's; names and braces are ASCII
    text = content.decode("latin-1")
    found = {name: (start, end) for name, start, end in _members(text, _skip(text, 0))}
    if "entry" not in found or _value(text, found.get("resourceType")) != "Bundle":
        return [(WHOLE, 0, len(content))] if _is_bundle(text, found) else []
    spans, whole = [], False
    for number, start in enumerate(_items(text, found["entry"][0]), start=1):
        resource = {n: (s, e) for n, s, e in _members(text, start)}.get("resource")
        if resource is None:
            whole = True
        else:
            spans.append((number, resource[0], resource[1] - resource[0]))
    return [(WHOLE, 0, len(content)), *spans] if whole or not spans else spans


def _is_bundle(text: str, found: dict[str, tuple[int, int]]) -> bool:
    return _value(text, found.get("resourceType")) == "Bundle"


def _value(text: str, span: tuple[int, int] | None) -> object:
    return json.loads(text[slice(*span)]) if span else None


def _skip(text: str, at: int) -> int:
    """Return where the next character that is no space stands."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each member of the object that starts here; none of others."""
    if text[at : at + 1] != "{":
        return
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        name, at = _DECODER.raw_decode(text, at)
        # + 1: the colon
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at : at + 1] == "," else at


def _items(text: str, at: int) -> Iterator[int]:
    """Yield where each item of the list that starts here starts; none if it is no list."""
    if text[at : at + 1] != "[":
        return
    at = _skip(text, at + 1)
    while at < len(text) and text[at] != "]":
        yield at
        _, end = _DECODER.raw_decode(text, at)
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at : at + 1] == "," else at
