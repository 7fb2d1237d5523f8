"""Whether a resource matches the type filters that were sent: some servers ignore them.

The guide asks clients to be robust to that (STU3, export, `_typeFilter`); HAPI ignores filters in
exports of a group. Only plain searches are evaluated: tokens and dates on the elements listed here,
without modifiers. For all others there is no answer. Nothing is left out of a delivery: what
matches no filter is counted and reported.

Source: FHIR R4 search, token and date parameters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lakeward.core.foreign_json import read_json

Test = Callable[[Mapping[str, Any]], bool]

TOKENS: Mapping[str, str] = {
    "status": "status",
    "active": "active",
    "intent": "intent",
    "priority": "priority",
    "category": "category",
    "code": "code",
    "type": "type",
    "class": "class",
}
"""Search parameters whose element has the parameter's name, in all types that have them."""

DATES: Mapping[str, Mapping[str, str]] = {
    "_lastUpdated": {"*": "meta.lastUpdated"},
    "date": {"Appointment": "start", "Encounter": "period", "Observation": "effectiveDateTime"},
    "authored": {"ServiceRequest": "authoredOn"},
    "authored-on": {"Task": "authoredOn"},
    "start": {"Slot": "start"},
    "birthdate": {"Patient": "birthDate"},
}
# an interval that is open on one side reaches to the first or last instant there is
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Verifier:
    """Checks lines of one type against the filters of that type; one that matches is enough."""

    type: str
    tests: tuple[Test, ...]

    def is_unwanted(self, line: bytes) -> bool:
        """Return whether a line is of the type and matches none of the filters.

        A line that cannot be read is not counted here: the loading rejects it.
        """
        try:
            resource = read_json(line)
        except ValueError:
            return False
        if not isinstance(resource, dict) or resource.get("resourceType") != self.type:
            return False
        return not any(test(resource) for test in self.tests)


def verifier(kind: str | None, filters: Sequence[str]) -> Verifier | None:
    """Build the verifier of a type; None if it has no filter, or one that cannot be evaluated.

    Filters of one type are alternatives (STU3, export, `_typeFilter`), so a single one that is not
    understood could let everything through.
    """
    own = [text for text in filters if text.partition("?")[0] == kind]
    tests = [_query(kind or "", text.partition("?")[2]) for text in own]
    known = tuple(test for test in tests if test is not None)
    return Verifier(kind or "", known) if known and len(known) == len(tests) else None


def _query(kind: str, query: str) -> Test | None:
    """Build the test of one search: all of its parameters must match."""
    tests = [_parameter(kind, name, value) for name, value in parse_qsl(query)]
    known = [test for test in tests if test is not None]
    return (lambda r: all(test(r) for test in known)) if known and known == tests else None


def _parameter(kind: str, name: str, value: str) -> Test | None:
    if name in TOKENS:
        accepted = [_token(part) for part in value.split(",")]
        path = TOKENS[name]
        return lambda r: any(_has(found, w) for found in _at(r, path) for w in accepted)
    paths = DATES.get(name, {})
    where = paths.get(kind, paths.get("*"))
    bound = _bound(value)
    if where is None or bound is None:
        return None
    return lambda r: any(bound(*_span(found)) for found in _at(r, where))


def _token(text: str) -> tuple[str | None, str]:
    system, bar, code = text.rpartition("|")
    return (system if bar else None), code


def _has(found: Any, token: tuple[str | None, str]) -> bool:
    """Return whether a code, Coding, CodeableConcept or Identifier matches a token.

    Args:
        found: The element's value.
        token: System (None: any; empty: none) and code (empty: any).
    """
    if isinstance(found, Mapping):
        if isinstance(found.get("coding"), list):
            return any(_has(coding, token) for coding in found["coding"])
        code = found.get("code", found.get("value"))
        system = found.get("system", "")
        return token[0] in (None, system) and token[1] in ("", code)
    text = str(found).lower() if isinstance(found, bool) else found
    return bool(text == token[1])


def _bound(text: str) -> Callable[[datetime, datetime], bool] | None:
    """Read a date with the prefix ge, gt, le or lt, as `ge2026-01-01`; None for others.

    A Period matches as FHIR says: `ge` if some instant of it is not before the date, and so on.
    """
    first, last = _interval(text[2:])
    if first is None or last is None:
        return None
    return {
        "ge": lambda begin, end: end >= first,
        "gt": lambda begin, end: end > last,
        "le": lambda begin, end: begin <= last,
        "lt": lambda begin, end: begin < first,
    }.get(text[:2])


def _span(found: Any) -> tuple[datetime, datetime]:
    if isinstance(found, Mapping):
        begin, end = _interval(found.get("start"))[0], _interval(found.get("end"))[1]
        return begin or _FIRST, end or _LAST
    begin, end = _interval(found)
    return begin or _FIRST, end or _LAST


def _interval(text: Any) -> tuple[datetime | None, datetime | None]:
    """Return the first and last instant of a date or time.

    A day without a zone spans all zones there are (+14:00 to -12:00), so that no resource is
    counted as unwanted for the sake of a zone that we do not know.
    """
    if not isinstance(text, str):
        return None, None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None, None
    if at.tzinfo:
        return at, at
    day = at.date().isoformat()
    return (
        datetime.fromisoformat(f"{day}T00:00:00+14:00"),
        datetime.fromisoformat(f"{day}T23:59:59.999999-12:00"),
    )


def _at(resource: Any, path: str) -> Iterator[Any]:
    head, _, rest = path.partition(".")
    found = resource.get(head) if isinstance(resource, Mapping) else None
    for each in found if isinstance(found, list) else [] if found is None else [found]:
        if rest:
            yield from _at(each, rest)
        else:
            yield each
