"""Which JSON shape FHIR R4 asks for at each element, and where a record has another.

The shape of an element is whether it is a list and whether it holds objects. Checked are all
elements at the root of a resource, and below it those that a view walks: there DuckDB would read a
list where an object belongs as NULL, in silence, and a diagnosis would be gone. Not checked is the
form of a value (is it a date?): contracts do that.

This is the exact answer, one record at a time, in Python. `shape_prefilter` finds the few records
that need it.

Source: FHIR R4, "JSON Representation of Resources" (hl7.org/fhir/R4/json.html).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NoReturn

from lakeward.sqlonfhir.schema import elements, is_primitive, is_resource, properties
from lakeward.sqlonfhir.viewdefinition import Select, ViewDefinition

OTHER_IN_R4 = frozenset(
    ("Evidence", "EvidenceVariable", "DeviceDefinition", "ResearchStudy", "Citation")
)
"""Types that R4 has in another shape than R4B, whose models are the schema: not checked."""

_WORD = re.compile(r"[A-Za-z]\w*")
_IMPLIED = {"getReferenceKey": "reference"}
"""Functions that walk to an element without naming it."""

_LEVELS = 3
"""How often a path of `repeat` is followed: a questionnaire nests groups in groups without end, but
its elements are the same at each level."""


class Opening(StrEnum):
    """How the value of an element starts in JSON text."""

    OBJECT = "{"
    SCALAR = "s"
    OBJECTS = "[{"
    SCALARS = "[s"


@dataclass(frozen=True)
class ElementShape:
    """The JSON shape of an element.

    Attributes:
        name: Its name in JSON.
        many: Whether it is a list.
        compound: Whether its value, or each item of the list, is an object.
        below: The elements of the object that are checked, too.
    """

    name: str
    many: bool
    compound: bool
    below: tuple["ElementShape", ...] = ()

    def opening(self) -> Opening:
        """Return how its value starts."""
        if self.compound:
            return Opening.OBJECTS if self.many else Opening.OBJECT
        return Opening.SCALARS if self.many else Opening.SCALAR


_Tree = dict[str, "_Tree"]  # elements by name, each with those below it

Walks = tuple[tuple[str, ...], ...]
"""For each expression of a type's views, the names that it mentions, in their order:
`name.where(use = 'official').given` gives `("name", "where", "use", "official", "given")`."""


@lru_cache(maxsize=512)
def checked_elements(kind: str, walks: Walks) -> tuple[ElementShape, ...]:
    """Return the elements of a resource type whose shape is checked.

    Empty for a type that R4B does not have.

    Args:
        kind: Resource type.
        walks: What its views walk, see `walks_of`.
    """
    if not is_resource(kind) or kind in OTHER_IN_R4:
        return ()
    # the whole root, walked or not; below it only what a view walks
    root: _Tree = {name: {} for name in elements(kind)}
    return _shapes(kind, root | _tree(kind, walks))


def _tree(kind: str, walks: Walks) -> _Tree:
    tree: _Tree = {}
    for walk in walks:
        _grow(tree, kind, walk)
    return tree


def _grow(tree: _Tree, kind: str, names: tuple[str, ...]) -> None:
    """Add every way down that takes some of the names in their order.

    The expression is not parsed, so a word may be an element, a function or a text. Whatever is an
    element of the type at hand is followed; a word too many only widens what is checked.
    """
    for index, name in enumerate(names):
        found = elements(kind).get(name)
        if found is None:
            continue
        below = tree.setdefault(name, {})
        for type_ in found.choices or (found.type,):
            _grow(below, type_, names[index + 1 :])


def _shapes(kind: str, tree: Mapping[str, _Tree]) -> tuple[ElementShape, ...]:
    """Return the shapes of a tree of elements; a choice (`value[x]`) becomes one for each type."""
    found = []
    for stem, below in tree.items():
        one = elements(kind).get(stem)
        if one is None:  # an element of another type of the same choice
            continue
        options = one.choices or {one.type: one.name}
        found += [
            ElementShape(name, one.many, not is_primitive(type_), _shapes(type_, below))
            for type_, name in options.items()
        ]
    return tuple(found)


def walks_of(views: Iterable[ViewDefinition]) -> Mapping[str, Walks]:
    """Return, by resource type, what the expressions of its views walk.

    Names of functions and words of literals are among them, which only widens what is checked.
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
    """Text that DuckDB reads as JSON but that is not: NaN, Infinity, a comma too many."""


def read_strictly(text: str) -> Any:
    """Read JSON by the letter of RFC 8259.

    Raises:
        LaxJsonError: The text is not JSON, or nested deeper than Python's reader goes.
    """
    try:
        return json.loads(text, parse_constant=_reject)
    except (ValueError, RecursionError) as error:
        raise LaxJsonError from error


def _reject(_name: str) -> NoReturn:
    raise LaxJsonError


def find_mismatch(
    record: Mapping[str, Any], checked: Iterable[ElementShape], path: str
) -> str | None:
    """Return the first element that has another shape than FHIR says, and what is wrong with it.

    `Patient.name: is not a list`. The names are FHIR's: nothing of the record is in the text.

    Args:
        record: The resource, or an object in it.
        checked: Elements to look at.
        path: Where the record stands: its resource type.
    """
    for element in checked:
        value = record.get(element.name)
        if value is None:
            continue
        found = _mismatch_of_value(value, element, f"{path}.{element.name}")
        if found:
            return found
    return None


def _mismatch_of_value(value: Any, element: ElementShape, path: str) -> str | None:
    if isinstance(value, list) != element.many:
        return f"{path}: is {'not a' if element.many else 'a'} list"
    for item in value if element.many else (value,):
        # FHIR fills a list of scalars with null where only the extensions of an item are known
        if item is None:
            continue
        if isinstance(item, list):
            return f"{path}: is a list of lists"
        if isinstance(item, dict) != element.compound:
            return f"{path}: is {'not an' if element.compound else 'an'} object"
        if element.below and (found := find_mismatch(item, element.below, path)):
            return found
    return None


@lru_cache(maxsize=512)
def known_names(kind: str) -> frozenset[str]:
    """Return all names that may stand at the root of a resource; none of a type R4B lacks.

    A primitive `birthDate` has its extensions beside it, in `_birthDate`.
    """
    if not is_resource(kind) or kind in OTHER_IN_R4:
        return frozenset()
    plain = properties(kind)
    extended = {f"_{name}" for name, found in plain.items() if is_primitive(found.type)}
    return frozenset({"resourceType", "fhir_comments", *plain, *extended})
