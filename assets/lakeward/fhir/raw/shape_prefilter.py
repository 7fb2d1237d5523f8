"""Which records need an exact look at their shape: found in columns, from their text.

A pattern tells, name by name, how a value may start (`{`, `[{`, a scalar); names that start in
several ways depending on where they stand are read by their path. What is found here may be right
after all, `shapes` decides; what is not found has the shape that FHIR says.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lakeward.fhir.raw.shapes import Place, Walks, places
from lakeward.sqlonfhir.schema import elements, is_primitive

_OPENINGS = {
    frozenset("{"): r"[^{\s]",
    frozenset("s"): r"[\[{]",
    frozenset({"[{"}): r"(?:[^\[\s]|\[\s*[^{\s\]])",
    frozenset({"[s"}): r"(?:[^\[\s]|\[\s*\{)",
    frozenset({"{", "s"}): r"\[",
    frozenset({"{", "[{"}): r"(?:[^\[{\s]|\[\s*[^{\s\]])",
    frozenset({"{", "[s"}): r"(?:[^\[{\s]|\[\s*\{)",
    frozenset({"s", "[{"}): r"(?:\{|\[\s*[^{\s\]])",
    frozenset({"s", "[s"}): r"(?:\{|\[\s*\{)",
    frozenset({"[{", "[s"}): r"[^\[\s]",
    frozenset({"{", "s", "[{"}): r"\[\s*[^{\s\]]",
    frozenset({"{", "s", "[s"}): r"\[\s*\{",
    frozenset({"{", "[{", "[s"}): r"[^\[{\s]",
    frozenset({"s", "[{", "[s"}): r"\{",
}
"""For the ways in which values of a name may start, a pattern of all others."""

_NO_NUMBER = r"[-+]?(?i:nan|inf|infinity)\s*[,}\]]"
_ODD = (
    rf",\s*(?:[}}\]]|{_NO_NUMBER})",  # a comma too many and NaN: DuckDB reads them, JSON has none
    rf":\s*{_NO_NUMBER}",
    rf"\[\s*(?:\[|{_NO_NUMBER})",
    r'\}\s*,\s*(?:[^"{\s]|"[^":\\]*"\s*[,\]])',  # a list of objects and others
    r"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])",  # letters may be escaped, in names too
)
"""Text that may be no JSON or no FHIR whatever the names. Each pattern starts with one character:
then it is looked for ten times faster, so they are not united."""

_NEVER = "false"
_MIXED = r'"\s*,\s*[\[{]'
"""A list that starts with texts and goes on with others."""


@dataclass(frozen=True)
class Suspicion:
    """How suspects among the resources of one type are found.

    Attributes:
        patterns: A text of many records in which none of these is found holds suspects by
            `path_condition` alone. Looking through it at once is three times cheaper than record
            by record.
        anywhere: Condition on `content` for all suspects.
    """

    patterns: tuple[str, ...]
    anywhere: str


@lru_cache(maxsize=512)
def suspicion(kind: str, walks: Walks) -> Suspicion:
    """Tell how records are found that may have another shape than FHIR says.

    First each name is taken to start as it does where it is judged; only records that this puts
    under suspicion are asked what FHIR allows for the name elsewhere.

    Args:
        kind: Resource type of the records.
        walks: What its views walk.
    """
    judged = places(kind, walks)
    odd = " or ".join(_matches(pattern) for pattern in _ODD)
    if not judged:
        return Suspicion(_ODD, odd)
    usual, possible = _openings(kind, walks)
    by_name = "|".join(_by_name(usual, usual))
    closer = f"{_matches('|'.join(_by_name(usual, possible)))} or {_by_path(judged, possible)}"
    by_path = _by_path(judged, usual)
    by_shape = f"case when {_matches(by_name)} then {closer} else {by_path} end"
    return Suspicion((*_ODD, by_name), f"{odd} or {by_shape}")


@lru_cache(maxsize=1024)
def path_condition(kind: str, walks: Walks, roots: frozenset[str]) -> str | None:
    """Give the condition on `content` for suspects that no pattern tells; None when there are none.

    Args:
        kind: Resource type of the records.
        walks: What its views walk.
        roots: All names at the roots of the records: only what begins with them is read.
    """
    judged = places(kind, walks)
    if not judged:
        return None
    usual, _ = _openings(kind, walks)
    found = _by_path((place for place in judged if place.name in roots), usual)
    return None if found == _NEVER else found


def _openings(kind: str, walks: Walks) -> "tuple[Openings, Openings]":
    """Give how each judged name starts as a rule, and how it may start anywhere in the resource."""
    usual, elsewhere = _usual(places(kind, walks)), _possible(kind)
    possible = {name: ways | elsewhere.get(name, frozenset()) for name, ways in usual.items()}
    # of roots alone nearly every name starts otherwise elsewhere
    return (usual if walks else possible), possible


def _matches(pattern: str) -> str:
    return f"regexp_matches(content, {_literal(pattern)})"


Openings = Mapping[str, frozenset[str]]


def _by_name(names: Iterable[str], openings: Openings) -> Iterator[str]:
    """Give patterns of names whose value starts as it never may."""
    yield _MIXED
    alike: dict[frozenset[str], list[str]] = {}
    for name in sorted(set(names)):
        alike.setdefault(openings.get(name, frozenset()), []).append(name)
    for ways, listed in alike.items():
        if ways in _OPENINGS:
            yield rf'"(?:{"|".join(listed)})"\s*:\s*{_OPENINGS[ways]}'


def _by_path(judged: Iterable[Place], openings: Openings) -> str:
    """Give a condition that reads the ambiguous elements where they stand."""
    needed = [one for place in judged if (one := _pruned(place, openings))]
    return _parsed_bad("content", needed, openings, 0) if needed else _NEVER


def _usual(judged: Iterable[Place]) -> Openings:
    """Give how values of each name start where they are judged."""
    found: dict[str, set[str]] = {}
    for place in _all(judged):
        found.setdefault(place.name, set()).add(place.opening())
    return {name: frozenset(ways) for name, ways in found.items()}


def _all(judged: Iterable[Place]) -> Iterator[Place]:
    for place in judged:
        yield place
        yield from _all(place.below)


@lru_cache(maxsize=512)
def _possible(kind: str) -> Openings:
    """Give how values of each name may start anywhere in a resource, but for what it contains.

    What stands in extensions and contained resources may start otherwise and is then suspected.
    """
    found: dict[str, set[str]] = {}
    seen, pending = {"Extension", "Resource", ""}, [kind]
    while pending:
        at = pending.pop()
        seen.add(at)
        for each in elements(at).values():
            options = each.choices or {each.type: each.name}
            for type_, name in options.items():
                way = Place(name, each.many, not is_primitive(type_)).opening()
                found.setdefault(name, set()).add(way)
                if type_ not in seen:
                    pending.append(type_)
    return {name: frozenset(ways) for name, ways in found.items()}


def _pruned(place: Place, openings: Openings) -> Place | None:
    """Keep the ambiguous elements of a branch and the way to them."""
    below = tuple(one for each in place.below if (one := _pruned(each, openings)))
    if below or _ambiguous(place, openings):
        return Place(place.name, place.many, place.compound, below)
    return None


def _ambiguous(place: Place, openings: Openings) -> bool:
    return len(openings.get(place.name, ())) > 1


def _parsed_bad(text: str, needed: Sequence[Place], openings: Openings, depth: int) -> str:
    """Give a condition on JSON text; a lambda over a list of one names what is parsed once."""
    item = f"r{depth}"
    structure = {place.name: _structure(place, openings) for place in needed}
    parsed = f"[from_json({text}, {_literal(json.dumps(structure))})]"
    bad = _any_bad(item, needed, openings, depth)
    return f"list_transform({parsed}, lambda {item}: {bad})[1]"


def _structure(place: Place, openings: Openings) -> object:
    """An ambiguous element stays text, so that the way it starts can be seen."""
    if _ambiguous(place, openings):
        return "JSON"
    below = {each.name: _structure(each, openings) for each in place.below}
    return [below] if place.many else below


def _any_bad(value: str, needed: Iterable[Place], openings: Openings, depth: int) -> str:
    return " or ".join(_bad(f'{value}."{p.name}"', p, openings, depth + 1) for p in needed)


def _bad(value: str, place: Place, openings: Openings, depth: int) -> str:
    if _ambiguous(place, openings):
        bad = _starts_badly(value, place, openings, depth)
    elif place.many:
        bad = _any_item(value, _any_bad(f"i{depth}", place.below, openings, depth), depth)
    else:
        bad = _any_bad(value, place.below, openings, depth)
    return f"coalesce({bad}, false)"


def _starts_badly(value: str, place: Place, openings: Openings, depth: int) -> str:
    wrong = {"{": "<> '{'", "[": "<> '['", "s": "in ('{', '[')"}[place.opening()[0]]
    bad = f"left({value}, 1) {wrong}"
    if not place.below:
        return bad
    if not place.many:
        return f"{bad} or {_parsed_bad(value, place.below, openings, depth + 1)}"
    inner = _parsed_bad(f"i{depth}", place.below, openings, depth + 1)
    items = f"from_json({value}, '[\"JSON\"]')"
    return f"{bad} or {_any_item(items, inner, depth)}"


def _any_item(values: str, bad: str, depth: int) -> str:
    return f"len(list_filter({values}, lambda i{depth}: {bad})) > 0"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


__all__ = ["Suspicion", "path_condition", "suspicion"]
