"""Which JSON shape FHIR R4 asks for at each element, and where a record has another.

Judged are all elements at the root of a resource, and below it those that a view walks: there a
list where an object belongs would become NULL in silence. The form of a value (is it a date?) is
not judged: contracts do that. This is the exact answer, one record at a time; `suspects` finds the
few records that need it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from lakeward.sqlonfhir.schema import elements, is_primitive, is_resource, properties
from lakeward.sqlonfhir.viewdefinition import Select, ViewDefinition

OTHER_IN_R4 = frozenset(
    ("Evidence", "EvidenceVariable", "DeviceDefinition", "ResearchStudy", "Citation")
)
"""Types that R4 has in another shape than R4B, whose models are the schema: not judged."""

_WORD = re.compile(r"[A-Za-z]\w*")
_IMPLIED = {"getReferenceKey": "reference"}
"""Functions that walk to an element without naming it."""

_LEVELS = 3
"""How deep a recursion is followed."""


@dataclass(frozen=True)
class Place:
    """An element: whether it is a list, whether its items are objects, and what is below it."""

    name: str
    many: bool
    compound: bool
    below: tuple["Place", ...] = ()

    def opening(self) -> str:
        """Say how its value starts: `{`, `[{`, `s` for a scalar, or `[s`."""
        return ("[" if self.many else "") + ("{" if self.compound else "s")


_Tree = dict[str, "_Tree"]  # elements by name, each with those below it

Walks = tuple[tuple[str, ...], ...]
"""For each expression of a type's views, the names that it mentions, in their order."""


@lru_cache(maxsize=512)
def places(kind: str, walks: Walks) -> tuple[Place, ...]:
    """Give the elements of a resource type that are judged; none of a type that R4B does not have.

    Args:
        kind: Resource type.
        walks: What its views walk, see `walks_of`.
    """
    if not is_resource(kind) or kind in OTHER_IN_R4:
        return ()
    root: _Tree = {name: {} for name in elements(kind)}
    return _places(kind, root | _tree(kind, walks))


def _tree(kind: str, walks: Walks) -> _Tree:
    tree: _Tree = {}
    for walk in walks:
        _grow(tree, kind, walk)
    return tree


def _grow(tree: _Tree, kind: str, names: tuple[str, ...]) -> None:
    """Add every way down that takes some of the names in their order."""
    for index, name in enumerate(names):
        found = elements(kind).get(name)
        if found is None:
            continue
        below = tree.setdefault(name, {})
        for type_ in found.choices or (found.type,):
            _grow(below, type_, names[index + 1 :])


def _places(kind: str, tree: Mapping[str, _Tree]) -> tuple[Place, ...]:
    found = []
    for stem, below in tree.items():
        one = elements(kind).get(stem)
        if one is None:  # an element of another choice
            continue
        options = one.choices or {one.type: one.name}
        found += [
            Place(name, one.many, not is_primitive(type_), _places(type_, below))
            for type_, name in options.items()
        ]
    return tuple(found)


def walks_of(views: Iterable[ViewDefinition]) -> Mapping[str, Walks]:
    """Give, by resource type, what the expressions of its views walk.

    Names of functions and words of literals are among them, which only widens what is judged.
    """
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for view in views:
        walks = found.setdefault(view.resource, {})
        for path in (*(where.path for where in view.where), *_paths(view.select, "")):
            walks[tuple(_IMPLIED.get(word, word) for word in _WORD.findall(path))] = None
    return {kind: tuple(walks) for kind, walks in found.items()}


def _paths(selects: Iterable[Select], above: str) -> Iterator[str]:
    for select in selects:
        step = select.for_each or select.for_each_or_null or ".".join(select.repeat * _LEVELS)
        here = f"{above}.{step}"
        yield from (f"{here}.{column.path}" for column in select.column)
        yield from _paths((*select.select, *select.union_all), here)


class LaxJsonError(ValueError):
    """Text that DuckDB reads as JSON but that is none: NaN, Infinity, a comma too many."""


def read_strictly(text: str) -> Any:
    """Read JSON by the letter of RFC 8259.

    Raises:
        LaxJsonError: It is none, or nested deeper than this reader goes.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LaxJsonError from error


def _refuse(_name: str) -> NoReturn:
    raise LaxJsonError


def mismatch(record: Mapping[str, Any], judged: Iterable[Place], path: str) -> str | None:
    """Give the first element that has another shape than FHIR says, and what it should be.

    Args:
        record: The resource, or an object in it.
        judged: Elements to look at.
        path: Where the record stands: its resource type.
    """
    for place in judged:
        value = record.get(place.name)
        if value is not None and (found := _mismatch(value, place, f"{path}.{place.name}")):
            return found
    return None


def _mismatch(value: Any, place: Place, path: str) -> str | None:
    if isinstance(value, list) != place.many:
        return f"{path}: is {'not a' if place.many else 'a'} list"
    for item in value if place.many else (value,):
        if item is None:
            continue
        if isinstance(item, list):
            return f"{path}: is a list of lists"
        if isinstance(item, dict) != place.compound:
            return f"{path}: is {'not an' if place.compound else 'an'} object"
        if place.below and (found := mismatch(item, place.below, path)):
            return found
    return None


@lru_cache(maxsize=512)
def known_names(kind: str) -> frozenset[str]:
    """Give all names that may stand at the root of a resource; none of a type R4B lacks."""
    if not is_resource(kind) or kind in OTHER_IN_R4:
        return frozenset()
    plain = properties(kind)
    extended = {f"_{name}" for name, found in plain.items() if is_primitive(found.type)}
    return frozenset({"resourceType", "fhir_comments", *plain, *extended})


__all__ = [
    "LaxJsonError",
    "Place",
    "known_names",
    "mismatch",
    "places",
    "read_strictly",
    "walks_of",
]
