"""What a situation is: what is delivered, what the store must then hold, and what may vary.

A scenario stands alone: its patients, visits, beds and ids begin with its key, so that hundreds of
them share a home. The expected rows come from the oracle of its root, written in plain Python from
the standard and never from the models.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

FIRST = datetime(2026, 1, 5)  # noqa: DTZ001 (the hospital's own time)
"""Midnight of the first of the two days that are delivered; deliveries count days from here."""

ANY_ORDER = "any order"
PERMUTABLE = "permutable"
UNSTAMPED = "unstamped"
COARSE = "coarse"

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Delivery:
    """Records that one source delivers on one day, in this order.

    A record is an HL7 message, its segments apart by a carriage return, or a line of NDJSON.
    """

    day: int
    source: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """One situation.

    Attributes:
        key: What all its identifiers begin with.
        kind: What is tried, for the report of a failure.
        deliveries: What is delivered.
        expected: The rows that the query of its root returns for the key, in order.
        may: Ways in which the delivery may differ without another outcome.
    """

    key: str
    kind: str
    deliveries: tuple[Delivery, ...]
    expected: tuple[Row, ...]
    may: frozenset[str]


@dataclass(frozen=True)
class Root:
    """One kind of reason why a canonical row comes out wrong.

    Attributes:
        name: Name in reports.
        scenarios: Makes this many situations from a source of chance.
        query: Returns the rows of all situations; the first column is the key.
    """

    name: str
    scenarios: Callable[[Random, int], list[Scenario]]
    query: str


@dataclass(frozen=True)
class Variant:
    """One way to deliver the same.

    Attributes:
        name: Name in reports.
        ways: The ways in which the scenarios that allow it differ.
        nights: Whether each day has its night, or the last one alone.
    """

    name: str
    ways: tuple[str, ...]
    nights: int


def vary(scenario: Scenario, variant: Variant, random: Random) -> Scenario:
    """Return the scenario as the variant delivers it."""
    for way in variant.ways:
        if way in scenario.may:
            scenario = WAYS[way](scenario, random)
    return scenario


def pack(scenarios: Sequence[Scenario], random: Random) -> dict[tuple[int, str], list[str]]:
    """Mix the records of all scenarios by day and source; each keeps its own order."""
    queues: dict[tuple[int, str], list[list[str]]] = {}
    for scenario in scenarios:
        for delivery in scenario.deliveries:
            place = (delivery.day, delivery.source)
            queues.setdefault(place, []).append(list(delivery.records))
    return {place: _mixed(lists, random) for place, lists in queues.items()}


def _mixed(lists: list[list[str]], random: Random) -> list[str]:
    turns = [number for number, records in enumerate(lists) for _ in records]
    random.shuffle(turns)
    iterators = [iter(records) for records in lists]
    return [next(iterators[number]) for number in turns]


def _in_any_order(scenario: Scenario, random: Random) -> Scenario:
    """Deliver the records shuffled and split over the days at will."""
    records = [(d.source, record) for d in scenario.deliveries for record in d.records]
    random.shuffle(records)
    return replace(
        scenario,
        deliveries=tuple(
            Delivery(random.randrange(2), source, (record,)) for source, record in records
        ),
    )


def _each_record(change: Callable[[str, Random], str]) -> Callable[[Scenario, Random], Scenario]:
    def changed(scenario: Scenario, random: Random) -> Scenario:
        deliveries = tuple(
            replace(d, records=tuple(change(record, random) for record in d.records))
            for d in scenario.deliveries
        )
        return replace(scenario, deliveries=deliveries)

    return changed


def _permuted(record: str, random: Random) -> str:
    """Bring repetitions and identifiers into another order."""
    if record.startswith("{"):
        return json.dumps(_permuted_lists(json.loads(record), random))
    segments = [segment.split("|") for segment in record.split("\r")]
    for segment in segments:
        for field in PERMUTED_FIELDS.get(segment[0], ()):
            if field < len(segment):
                repetitions = segment[field].split("~")
                random.shuffle(repetitions)
                segment[field] = "~".join(repetitions)
    return "\r".join("|".join(segment) for segment in segments)


PERMUTED_FIELDS = {"PID": (3, 5, 11, 13), "MRG": (1,)}
PERMUTED_ELEMENTS = {"identifier", "telecom", "name", "address", "coding", "category"}


def _permuted_lists(value: Any, random: Random, element: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _permuted_lists(inner, random, key) for key, inner in value.items()}
    if isinstance(value, list):
        items = [_permuted_lists(item, random) for item in value]
        if element in PERMUTED_ELEMENTS:
            random.shuffle(items)
        return items
    return value


def _without_stamps(record: str, random: Random) -> str:
    """Take stamps from a resource: its place in the delivery is what orders it."""
    if not record.startswith("{"):
        return record
    resource = json.loads(record)
    for stamp in random.choice((("lastUpdated", "versionId"), ("lastUpdated",), ("versionId",))):
        resource.get("meta", {}).pop(stamp, None)
    return json.dumps(resource)


def _coarser(record: str, _random: Random) -> str:
    """Cut the times of a message to the minute."""
    if record.startswith("{"):
        return record
    segments = [segment.split("|") for segment in record.split("\r")]
    for segment in segments:
        field = {"MSH": 6, "EVN": 2}.get(segment[0])
        if field and field < len(segment) and len(segment[field]) == len("20260105093000"):
            segment[field] = segment[field][:12]
    return "\r".join("|".join(segment) for segment in segments)


WAYS: dict[str, Callable[[Scenario, Random], Scenario]] = {
    ANY_ORDER: _in_any_order,
    PERMUTABLE: _each_record(_permuted),
    UNSTAMPED: _each_record(_without_stamps),
    COARSE: _each_record(_coarser),
}
