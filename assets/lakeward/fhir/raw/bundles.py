"""A file that is one Bundle: where its entries' resources stand, as delivered.

Every entry with a resource is a record of its own. A Bundle line of an NDJSON file is not cut up:
there every line is a record. What an entry's request asks for is not carried out here.
"""

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()

WHOLE = 0
"""Number of the record that is the Bundle itself; entries count from 1."""

Place = tuple[int, int, int]
"""Number, first byte and length of a record."""


def bundle_places(content: bytes) -> list[Place]:
    """Give the places of a document's records: each entry's resource, and the Bundle if needed.

    The Bundle itself is a record too when an entry has no resource (a deletion, an answer) or when
    it has no entries, so that nothing of it is lost. Empty when the document is no Bundle.

    Args:
        content: The whole file, valid JSON.
    """
    # in this charset a character is a byte, so places are the file's; names and braces are ASCII
    text = content.decode("latin-1")
    found = {name: (start, end) for name, start, end in _members(text, _skip(text, 0))}
    if "entry" not in found or _value(text, found.get("resourceType")) != "Bundle":
        return [(WHOLE, 0, len(content))] if _is_bundle(text, found) else []
    places, whole = [], False
    for number, start in enumerate(_items(text, found["entry"][0]), start=1):
        resource = {n: (s, e) for n, s, e in _members(text, start)}.get("resource")
        if resource is None:
            whole = True
        else:
            places.append((number, resource[0], resource[1] - resource[0]))
    return [(WHOLE, 0, len(content)), *places] if whole or not places else places


def _is_bundle(text: str, found: dict[str, tuple[int, int]]) -> bool:
    return _value(text, found.get("resourceType")) == "Bundle"


def _value(text: str, span: tuple[int, int] | None) -> object:
    return json.loads(text[slice(*span)]) if span else None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Give name, start and end of each member of the object that starts here; none of others."""
    if text[at : at + 1] != "{":
        return
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at : at + 1] == "," else at


def _items(text: str, at: int) -> Iterator[int]:
    """Give where each item of the list that starts here starts; none of what is no list."""
    if text[at : at + 1] != "[":
        return
    at = _skip(text, at + 1)
    while at < len(text) and text[at] != "]":
        yield at
        _, end = _DECODER.raw_decode(text, at)
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at : at + 1] == "," else at
