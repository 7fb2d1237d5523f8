"""What was true when: a visit's states, a bed's statuses, whom a record counted as."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakeward.contracts import load_contracts
from lakeward.lake.candidate import contract_table
from lakeward.lake.query import connect
from lakeward.lake.tables import arrow_schema, write

EVENTS, MERGES = "canonical__visit_event", "canonical__patient_merge"


def _at(hour: int) -> datetime:
    return datetime(2026, 1, 5, hour, tzinfo=UTC)


def _event(number: int, state: str | None, hour: int | None, **other: Any) -> dict[str, Any]:
    at = None if hour is None else _at(hour)
    shown = {"event_id": f"e{number}", "visit_key": "v", "is_cancelled": False}
    return {**shown, "event_order": number, "to_state": state, "occurred_at": at, **other}


def _rows(hospital: Any, table: str, rows: list[dict[str, Any]], query: str) -> list[Any]:
    spec = contract_table(load_contracts()[table])
    full = [{c.name: row.get(c.name) for c in spec.columns} for row in rows]
    data = pa.Table.from_pylist(full, schema=arrow_schema(spec))
    write(hospital.lake, spec, data, mode="overwrite")
    with connect(hospital.lake, tables=[table]) as connection:
        found: list[Any] = connection.execute(query).fetchall()
    return found


def test_a_visit_is_in_one_state_after_the_other(hospital: Any) -> None:
    events = [
        _event(1, "scheduled", 8),
        _event(2, None, 9),  # outranked: changes nothing
        _event(3, "arrived", 10),
        _event(4, "arrived", 11),  # stated again
        _event(5, "roomed", 12, is_cancelled=True),
        _event(6, "discharged", 13),
        _event(7, "H", 14, visit_key=None, bed_key="b"),
    ]
    query = "select state, valid_from, valid_to, is_latest from visit_history order by valid_from"
    assert _rows(hospital, EVENTS, events, query) == [
        ("scheduled", _at(8), _at(10), False),
        ("arrived", _at(10), _at(13), False),
        ("discharged", _at(13), None, True),
    ]


@pytest.mark.parametrize(
    ("hour", "state"), [(7, []), (8, ["scheduled"]), (9, ["scheduled"]), (10, ["arrived"])]
)
def test_each_instant_has_one_state(hospital: Any, hour: int, state: list[str]) -> None:
    query = (
        f"select state from visit_history where valid_from <= timestamptz '{_at(hour)}'"
        f" and (valid_to is null or valid_to > timestamptz '{_at(hour)}')"
    )
    events = [_event(1, "scheduled", 8), _event(2, "arrived", 10)]
    assert [found for (found,) in _rows(hospital, EVENTS, events, query)] == state


def test_a_change_at_an_instant_that_nobody_stated_has_none(hospital: Any) -> None:
    query = "select state, valid_from, valid_to from visit_history order by event_id"
    events = [_event(1, "scheduled", 8), _event(2, "arrived", None)]
    assert _rows(hospital, EVENTS, events, query) == [
        ("scheduled", _at(8), None),
        ("arrived", None, None),
    ]


def test_a_bed_has_the_statuses_that_were_stated_of_it(hospital: Any) -> None:
    bed = {"visit_key": None, "bed_key": "b"}
    events = [
        _event(1, "H", 8, **bed),
        _event(2, "U", 10, **bed),
        _event(3, "admitted", 11, bed_key="b"),  # of the visit: who is in it is canonical__bed_stay
    ]
    query = "select status, valid_from, valid_to from bed_status_history order by valid_from"
    assert _rows(hospital, EVENTS, events, query) == [("H", _at(8), _at(10)), ("U", _at(10), None)]


def test_a_merged_record_counts_as_itself_and_then_as_the_survivor(hospital: Any) -> None:
    merge = {"surviving_patient_key": "s", "recorded_at": _at(8)}
    merges = [
        {**merge, "merge_key": "m1", "prior_patient_key": "a", "state": "applied"},
        {
            **merge,
            "merge_key": "m2",
            "prior_patient_key": "b",
            "state": "applied",
            "decided_at": _at(9),
        },
        {**merge, "merge_key": "m3", "prior_patient_key": "c", "state": "undone"},
        {**merge, "merge_key": "m4", "prior_patient_key": "d", "state": "held"},
    ]
    query = (
        "select record_patient_key, patient_key, valid_from, valid_to"
        " from patient_identity_history order by 1, 3 nulls first"
    )
    assert _rows(hospital, MERGES, merges, query) == [
        ("a", "a", None, _at(8)),
        ("a", "s", _at(8), None),
        ("b", "b", None, _at(9)),
        ("b", "s", _at(9), None),
    ]
