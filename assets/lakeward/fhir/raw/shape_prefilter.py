"""Which records need an exact look at their shape: found in columns, from their text.

Building every record as Python objects to look at its shape would cost more than all else in a
load. So a record is first looked at as text, by regular expressions: each name that FHIR R4 has is
taken together with the start of its value. What is found is a *suspect*; `shapes` decides whether
it is really wrong. A suspect may be right, but a record that is no suspect never is wrong.

How a value starts is its `Opening`:

    {"resourceType": "Patient", "id": "a", "active": true, "name": [{"given": ["Ann"]}], "text": {}}
                                            SCALAR          OBJECTS   SCALARS              OBJECT

Most names start in one way wherever they stand, and one pattern over the whole text is enough. A
few do not (`text` is an object at the root of a Patient and a string in a HumanName): they are read
by their path, with DuckDB's JSON parser.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lakeward.fhir.raw.shapes import ElementShape, Opening, Walks, checked_elements
from lakeward.lake.arrow import sql_literal
from lakeward.sqlonfhir.schema import elements, is_primitive

Openings = Mapping[str, frozenset[Opening]]
"""By name, how its values may start."""

_NO_NUMBER = r"[-+]?(?i:nan|inf|infinity)\s*[,}\]]"
_ODD = (
    # {"active": true,} and [1, NaN]: DuckDB reads a comma too many and NaN, JSON has neither.
    rf",\s*(?:[}}\]]|{_NO_NUMBER})",
    # NaN as the value of a member: {"active": NaN}.
    rf":\s*{_NO_NUMBER}",
    # {"name": [[{}]]} and [NaN, 1]: FHIR has no list of lists.
    rf"\[\s*(?:\[|{_NO_NUMBER})",
    # [{"a": 1}, 5] and [{"a": 1}, "x"]: a list of objects that goes on with something else. After a
    # brace and a comma there is an object, or the name of the next member, which a colon follows.
    r'\}\s*,\s*(?:[^"{\s]|"[^":\\]*"\s*[,\]])',
    # {"n\u0061me": {}}: a name may be written with escaped letters, so no pattern by name finds it.
    r"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])",
)
"""Text that may be no JSON or no FHIR whatever the names. Each pattern starts with one fixed
character: it is then searched for ten times as fast. So the patterns are not united into one."""

_MIXED = r'"\s*,\s*[\[{]'
"""["x", {"a": 1}]: a list that starts with texts and goes on with something else."""

_NEVER = "false"


@dataclass(frozen=True)
class Prefilter:
    """How suspects among the resources of one type are found.

    Attributes:
        patterns: Regular expressions for a text of many records. If none of them is found in it, it
            holds no suspects but those of `path_condition`. One search through the whole text is
            three times cheaper than one for each record.
        condition: SQL condition on `content` that is true for all suspects.
    """

    patterns: tuple[str, ...]
    condition: str


@lru_cache(maxsize=512)
def build_prefilter(kind: str, walks: Walks) -> Prefilter:
    """Build what finds the records that may have another shape than FHIR says.

    A name is first expected to start as it does at the elements that are checked. Only records in
    which it does not are asked, more expensively, what FHIR allows for the name elsewhere.

    Args:
        kind: Resource type of the records.
        walks: The names in the expressions of its views, see `shapes.Walks`.
    """
    checked = checked_elements(kind, walks)
    odd = " or ".join(_matches(pattern) for pattern in _ODD)
    if not checked:
        return Prefilter(_ODD, odd)
    expected, possible = _openings(kind, walks)
    by_name = "|".join(_patterns_by_name(expected, expected))
    closer_name = _matches("|".join(_patterns_by_name(expected, possible)))
    closer = f"{closer_name} or {_by_path(checked, possible)}"
    by_path = _by_path(checked, expected)
    by_shape = f"case when {_matches(by_name)} then {closer} else {by_path} end"
    return Prefilter((*_ODD, by_name), f"{odd} or {by_shape}")


@lru_cache(maxsize=1024)
def path_condition(kind: str, walks: Walks, roots: frozenset[str]) -> str | None:
    """Return the condition on `content` for suspects that no pattern finds; None without any.

    Args:
        kind: Resource type of the records.
        walks: The names in the expressions of its views, see `shapes.Walks`.
        roots: All names at the roots of the records: only what begins with them is read.
    """
    checked = checked_elements(kind, walks)
    if not checked:
        return None
    expected, _ = _openings(kind, walks)
    found = _by_path((one for one in checked if one.name in roots), expected)
    return None if found == _NEVER else found


def _openings(kind: str, walks: Walks) -> tuple[Openings, Openings]:
    """Return how each checked name is expected to start, and how it may start anywhere."""
    checked, elsewhere = _openings_where_checked(checked_elements(kind, walks)), _possible(kind)
    possible = {name: ways | elsewhere.get(name, frozenset()) for name, ways in checked.items()}
    # Without views only the root is checked. Nearly every name of the root starts otherwise
    # somewhere below, so nearly every record would be asked twice.
    return (checked if walks else possible), possible


def other_openings(allowed: Collection[Opening]) -> str | None:
    """Return a regular expression for the start of a value that opens in none of the allowed ways.

    None if every way is allowed. An empty list opens as both kinds of list. A list of lists is not
    found here, nor a list whose later items are of another kind: `_ODD` and `_MIXED` find them.
    """
    lists = {Opening.OBJECTS, Opening.SCALARS} & set(allowed)
    brackets = {r"\[": bool(lists), "{": Opening.OBJECT in allowed}
    if Opening.SCALAR in allowed:  # so only a bracket can be wrong
        wrong = [bracket for bracket, is_allowed in brackets.items() if not is_allowed]
        first = f"[{''.join(wrong)}]" if len(wrong) > 1 else "".join(wrong).replace("{", r"\{")
    else:  # whatever is not an allowed bracket is wrong; space before the value is skipped
        right = [bracket for bracket, is_allowed in brackets.items() if is_allowed]
        first = rf"[^{''.join(right)}\s]"
    second = ""
    if lists == {Opening.OBJECTS}:
        second = r"\[\s*[^{\s\]]"
    elif lists == {Opening.SCALARS}:
        second = r"\[\s*\{"
    if first and second:
        return f"(?:{first}|{second})"
    return first or second or None


def _matches(pattern: str) -> str:
    return f"regexp_matches(content, {sql_literal(pattern)})"


def _patterns_by_name(names: Iterable[str], openings: Openings) -> Iterator[str]:
    r"""Yield patterns of names whose value starts as it never may; one for names that are alike.

    `"(?:active|birthDate)"\s*:\s*[\[{]`: these start as scalars, and here a bracket follows.
    """
    yield _MIXED
    alike: dict[frozenset[Opening], list[str]] = {}
    for name in sorted(set(names)):
        alike.setdefault(openings.get(name, frozenset()), []).append(name)
    for ways, listed in alike.items():
        if ways and (others := other_openings(ways)):
            yield rf'"(?:{"|".join(listed)})"\s*:\s*{others}'


def _by_path(checked: Iterable[ElementShape], openings: Openings) -> str:
    """Return a condition that reads the ambiguous elements where they stand."""
    needed = [one for each in checked if (one := _pruned(each, openings))]
    return _parsed_is_wrong("content", needed, openings, 0) if needed else _NEVER


def _openings_where_checked(checked: Iterable[ElementShape]) -> Openings:
    """Return how values of each name start at the elements that are checked."""
    found: dict[str, set[Opening]] = {}
    for each in _with_descendants(checked):
        found.setdefault(each.name, set()).add(each.opening())
    return {name: frozenset(ways) for name, ways in found.items()}


def _with_descendants(checked: Iterable[ElementShape]) -> Iterator[ElementShape]:
    for each in checked:
        yield each
        yield from _with_descendants(each.below)


@lru_cache(maxsize=512)
def _possible(kind: str) -> Openings:
    """Return how values of each name may start anywhere in a resource, but for what it contains.

    What stands in extensions and contained resources may start otherwise and is then suspected.
    """
    found: dict[str, set[Opening]] = {}
    seen, pending = {"Extension", "Resource", ""}, [kind]
    while pending:
        at = pending.pop()
        seen.add(at)
        for each in elements(at).values():
            options = each.choices or {each.type: each.name}
            for type_, name in options.items():
                way = ElementShape(name, each.many, not is_primitive(type_)).opening()
                found.setdefault(name, set()).add(way)
                if type_ not in seen:
                    pending.append(type_)
    return {name: frozenset(ways) for name, ways in found.items()}


def _pruned(element: ElementShape, openings: Openings) -> ElementShape | None:
    """Return a branch with its ambiguous elements and the way to them; None without any."""
    below = tuple(one for each in element.below if (one := _pruned(each, openings)))
    if below or _is_ambiguous(element, openings):
        return ElementShape(element.name, element.many, element.compound, below)
    return None


def _is_ambiguous(element: ElementShape, openings: Openings) -> bool:
    return len(openings.get(element.name, ())) > 1


# The functions below write the condition for a tree of elements, from the root down. `depth`
# numbers the lambda parameters, so that an inner one never hides an outer one: r0, r1, … is a
# parsed object, i1, i2, … an item of a list. For `text`, ambiguous, at the root and in each name of
# a Patient:
#
#   list_transform([from_json(content, '{"text": "JSON", "name": [{"text": "JSON"}]}')], lambda r0:
#       coalesce(left(r0."text", 1) <> '{', false)
#       or coalesce(len(list_filter(r0."name", lambda i1:
#           coalesce(left(i1."text", 1) in ('{', '['), false))) > 0, false))[1]


def _parsed_is_wrong(
    text: str, needed: Sequence[ElementShape], openings: Openings, depth: int
) -> str:
    """Return the condition for an object that is JSON text.

    DuckDB has no `let`: a lambda over a list of one item gives a name to what is parsed once.
    """
    item = f"r{depth}"
    structure = {each.name: _structure(each, openings) for each in needed}
    parsed = f"[from_json({text}, {sql_literal(json.dumps(structure))})]"
    wrong = _any_is_wrong(item, needed, openings, depth)
    return f"list_transform({parsed}, lambda {item}: {wrong})[1]"


def _structure(element: ElementShape, openings: Openings) -> object:
    """Return the structure for `from_json`; an ambiguous element stays text: how does it start?"""
    if _is_ambiguous(element, openings):
        return "JSON"
    below = {each.name: _structure(each, openings) for each in element.below}
    return [below] if element.many else below


def _any_is_wrong(
    value: str, needed: Iterable[ElementShape], openings: Openings, depth: int
) -> str:
    return " or ".join(
        _is_wrong(f'{value}."{each.name}"', each, openings, depth + 1) for each in needed
    )


def _is_wrong(value: str, element: ElementShape, openings: Openings, depth: int) -> str:
    if _is_ambiguous(element, openings):
        wrong = _text_is_wrong(value, element, openings, depth)
    elif element.many:
        inner = _any_is_wrong(f"i{depth}", element.below, openings, depth)
        wrong = _any_item(value, inner, depth)
    else:
        wrong = _any_is_wrong(value, element.below, openings, depth)
    return f"coalesce({wrong}, false)"


_STARTS_OTHERWISE = {
    Opening.OBJECT: "<> '{'",
    Opening.SCALAR: "in ('{', '[')",
    Opening.OBJECTS: "<> '['",
    Opening.SCALARS: "<> '['",
}
"""Condition on the first character of a value. Of a list the items are looked at further down, and
those of a list of scalars by the patterns."""


def _text_is_wrong(value: str, element: ElementShape, openings: Openings, depth: int) -> str:
    """Return the condition for an ambiguous element, which `from_json` has left as text."""
    wrong = f"left({value}, 1) {_STARTS_OTHERWISE[element.opening()]}"
    if not element.below:
        return wrong
    if not element.many:
        return f"{wrong} or {_parsed_is_wrong(value, element.below, openings, depth + 1)}"
    inner = _parsed_is_wrong(f"i{depth}", element.below, openings, depth + 1)
    items = f"from_json({value}, '[\"JSON\"]')"
    return f"{wrong} or {_any_item(items, inner, depth)}"


def _any_item(values: str, wrong: str, depth: int) -> str:
    return f"len(list_filter({values}, lambda i{depth}: {wrong})) > 0"
