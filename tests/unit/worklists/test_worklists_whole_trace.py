"""A change of one appointment whole: record, events, store, list, what was delivered."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakeward.assets.all_stored_records import STORED_RECORDS
from lakeward.contracts import load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.lake import query
from lakeward.lake.candidate import contract_table
from lakeward.lake.tables import Column, TableSpec, arrow_schema, write
from lakeward.worklists import record_origin
from lakeward.worklists.record_trace import follow
from lakeward.worklists.whole_trace import WHOLE, WholeTrace
from lakeward.worklists.why import CRITERIA

LIST = "appointment_reminders"
SIU = "scheduling_hl7/2026-01-05/siu.hl7"
MRN, APPOINTMENT, VISIT, NAME = "0042", "AP17", "V900", "Secretname"
OLDER = [f"old{number}" for number in range(4)]


def _write(hospital: Any, table: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    spec = contract_table(load_contracts()[table])
    full = [{c.name: row.get(c.name) for c in spec.columns} for row in rows]
    data = pa.Table.from_pylist(full, schema=arrow_schema(spec))
    return {table: int(write(hospital.lake, spec, data, mode="overwrite").version)}


def _looked_at(key: str, **values: Any) -> dict[str, Any]:
    shown = {"worklist": LIST, "facts": ["state=scheduled"], "source_ref": f"{SIU}#2"}
    return {**shown, "row_id": f"row-{key}", "visit_key": key, **values}


@pytest.fixture
def moved(hospital: Any) -> Any:
    """An appointment that was booked, moved, listed and delivered."""
    columns = ["source", "file", "message_type", "trigger_event", "control_id"]
    kinds = dict.fromkeys(columns, "VARCHAR") | {"message": "BIGINT", "received": "BIGINT"}
    spec = TableSpec("raw_hl7v2__message", tuple(Column(n, t, Phi.LK) for n, t in kinds.items()))
    raw = {"source": "scheduling_hl7", "file": SIU, "received": 1, "message_type": "SIU"}
    messages = [
        {**raw, "message": number, "trigger_event": trigger, "control_id": f"C{number}"}
        for number, trigger in enumerate(("S12", "S13"), start=1)
    ]
    write(hospital.lake, spec, pa.Table.from_pylist(messages), mode="overwrite")
    visit = {"visit_key": "v1", "appointment_id": APPOINTMENT, "visit_number": VISIT}
    visit |= {"patient_key": "p1", "main_state": "scheduled", "last_change_ref": f"{SIU}#2"}
    older = [
        {"visit_key": key, "patient_key": "p1", "source_ref": "adt_hl7/2025-01-01/a.hl7#1"}
        for key in OLDER
    ]
    events = [
        {
            "event_id": f"e{number}",
            "visit_key": "v1",
            "event_type": kind,
            "to_state": "scheduled",
            "source_ref": f"{SIU}#{number}",
            "occurred_at": datetime(2026, 1, number, tzinfo=UTC),
        }
        for number, kind in enumerate(("appointment_booked", "appointment_rescheduled"), start=1)
    ]
    bed = {"bed_key": "b1", "unit": "3W", "room": "301", "bed_label": "A", "state": "available"}
    named = {"patient_key": "p1", "identifier_value": MRN}
    pins = {
        **_write(hospital, "canonical__visit", [visit, *older]),
        **_write(hospital, "canonical__visit_event", events),
        **_write(hospital, "canonical__bed", [bed]),
        **_write(hospital, "canonical__patient_identifier", [named]),
    }
    hospital.decide("canonical", pins, day=hospital.day)
    row = {"row_id": "row-v1", "visit_key": "v1", "first_name": NAME, "source_ref": f"{SIU}#2"}
    hospital.release(LIST, [row])
    looked_at = [_looked_at("v1", is_candidate=True, failed_criteria=[])]
    looked_at += [
        _looked_at(key, is_candidate=False, failed_criteria=["start_is_stated"]) for key in OLDER
    ]
    pins = _write(hospital, CRITERIA, looked_at) | _write(hospital, "worklist__suppression", [])
    hospital.decide("worklist__suppression", pins, day=hospital.day)
    hospital.export(LIST)
    return hospital


def _whole(hospital: Any, name: str) -> WholeTrace:
    (found,) = follow(hospital.lake, hospital.home, name, STORED_RECORDS)
    assert isinstance(found, WholeTrace)
    return found


@pytest.mark.parametrize("name", [APPOINTMENT, VISIT])
def test_an_appointment_is_followed_from_its_messages_to_the_files(moved: Any, name: str) -> None:
    (subject,) = _whole(moved, name).subjects
    assert (subject.row.key, subject.state, subject.origin.record) == ("v1", "scheduled", "SIU^S13")
    assert [(s.event_type, s.origin.record) for s in subject.steps] == [
        ("appointment_booked", "SIU^S12"),
        ("appointment_rescheduled", "SIU^S13"),
    ]
    (listed,) = subject.lists
    assert (listed.worklist, listed.answer.verdict, listed.answer.rank) == (LIST, "listed", 1)
    (delivered,) = listed.deliveries
    assert (delivered.day, delivered.revision, delivered.action) == (moved.day, 1, "new")
    assert set(delivered.files) == {f for f in moved.outbox(LIST) if "_r01." in f}


def test_a_change_that_is_delivered_later_shows_its_action(moved: Any) -> None:
    tomorrow = date(2026, 1, 6)
    moved.release(LIST, [], day=tomorrow)
    moved.export(LIST, tomorrow)
    (subject,) = _whole(moved, APPOINTMENT).subjects
    # what it looked at that day is not released: the list says nothing, and nothing is made up
    assert subject.lists == ()
    pins = _write(moved, CRITERIA, [_looked_at("v1", is_candidate=False, failed_criteria=["x"])])
    moved.decide("worklist__suppression", pins, day=tomorrow)
    pins |= _write(moved, "worklist__suppression", [])
    moved.decide("worklist__suppression", pins, day=tomorrow)
    (listed,) = _whole(moved, APPOINTMENT).subjects[0].lists
    assert listed.answer.verdict == "not_a_candidate"
    assert [(d.day, d.action) for d in listed.deliveries][-1] == (moved.day, "new")


def test_a_patient_has_the_newest_whole_and_the_other_ones_by_key(moved: Any) -> None:
    found = _whole(moved, MRN)
    assert [row.key for row in found.patients] == ["p1"]
    assert found.subjects[0].row.key == "v1"
    assert len(found.subjects) == WHOLE
    keys = {each.row.key for each in found.subjects} | {row.key for row in found.more}
    assert keys == {"v1", *OLDER}
    assert found.lines()[-1] == f"and {len(found.more)} more, each by its key: see --json"


def test_a_bed_is_found_by_its_unit_room_and_label(moved: Any) -> None:
    (subject,) = _whole(moved, "3W-301-A").subjects
    assert (subject.row.key, subject.state) == ("b1", "available")


def test_an_instant_shows_what_was_known_then(moved: Any) -> None:
    then = datetime.now(UTC)
    later = {"visit_key": "v1", "appointment_id": APPOINTMENT, "main_state": "cancelled"}
    moved.decide("canonical", _write(moved, "canonical__visit", [later]), day=moved.day)
    names = (moved.lake, moved.home, APPOINTMENT, STORED_RECORDS)
    (before,) = follow(*names, known_at=then)
    assert isinstance(before, WholeTrace)
    assert before.subjects[0].state == "scheduled"
    assert len(before.subjects[0].steps) == 2
    assert before.subjects[0].lists[0].answer.verdict == "listed"
    # what lies in the outbox is of now
    assert before.subjects[0].lists[0].deliveries == ()
    assert _whole(moved, APPOINTMENT).subjects[0].state == "cancelled"
    with pytest.raises(UsageError, match="nothing that is stored"):
        follow(*names, known_at=datetime(2000, 1, 1, tzinfo=UTC))


def test_no_value_of_a_record_is_shown(moved: Any) -> None:
    for name in (MRN, APPOINTMENT):
        found = _whole(moved, name)
        text = repr((found.lines(), asdict(found)))
        assert all(value not in text for value in (NAME, MRN, APPOINTMENT, VISIT))


def test_one_appointment_opens_few_tables(moved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an answer costs is the tables that it opens, and not how many there are."""
    opened: list[str] = []

    def counting(connection: Any, lake: Any, table: str, version: Any, **other: Any) -> bool:
        opened.append(table)
        return query.register_table(connection, lake, table, version, **other)

    monkeypatch.setattr(record_origin, "register_table", counting)
    _whole(moved, APPOINTMENT)
    lists = [c for c in load_contracts().values() if c.consumer]
    # the store once, and of each list its rows, what it looked at and what it left off
    assert len(opened) < 14 + 9 * len(lists)
    canonical = {t for t in opened if t.startswith("canonical__")}
    assert len(canonical) < 8
