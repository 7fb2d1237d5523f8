"""What came of a record, and the way back from a key, without a value of any record."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakeward.assets.all_stored_records import STORED_RECORDS
from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.lake.tables import Column, Lake, TableSpec, write
from lakeward.worklists.record_trace import RecordTrace, RowTrace, StoreRow, follow

ADT = "adt_hl7/2026-01-05/adt.hl7"
FHIR = "ehr_fhir/2026-01-05/a.ndjson"
NAME = "Secretname"


def _table(lake: Lake, name: str, rows: list[dict[str, Any]], **types: str) -> None:
    kinds = dict.fromkeys([key for row in rows for key in row], "VARCHAR") | types
    spec = TableSpec(name, tuple(Column(n, t, Phi.LK) for n, t in kinds.items()))
    data = pa.Table.from_pylist([{n: row.get(n) for n in kinds} for row in rows])
    write(lake, spec, data, mode="overwrite")


@pytest.fixture
def stored(hospital: Any) -> Any:
    lake = hospital.lake
    hl7 = {"source": "adt_hl7", "file": ADT, "message_type": "ADT", "content": NAME}
    _table(
        lake,
        "raw_hl7v2__message",
        [
            {**hl7, "message": 1, "received": 1, "control_id": "C1", "trigger_event": "A03"},
            {**hl7, "message": 2, "received": 1, "control_id": "C2", "trigger_event": "A03"},
        ],
        message="BIGINT",
        received="BIGINT",
    )
    resource = {"source": "ehr_fhir", "file": FHIR, "line": 4, "received": 1, "resource": NAME}
    columns = ("content_sha256", "last_updated")
    of_type = {"resource_type": "Observation", "id": "o", "version_id": None}
    _table(
        lake,
        "raw_fhir__resource",
        [{**resource, **of_type, **dict.fromkeys(columns, "")}],
        line="BIGINT",
        received="BIGINT",
    )
    _table(
        lake,
        "canonical__visit_event",
        [
            {
                "event_id": "e1",
                "event_type": "departed",
                "visit_key": "v1",
                **dict.fromkeys(("patient_key", "bed_key", "referral_key", "order_key")),
                "from_state": "admitted",
                "to_state": "discharged",
                "source_trigger": "ADT^A03",
                "source_ref": f"{ADT}#1",
                "is_cancelled": False,
                "occurred_at": datetime(2026, 1, 5, tzinfo=UTC),
                "recorded_at": datetime(2026, 1, 5, tzinfo=UTC),
            }
        ],
        is_cancelled="BOOLEAN",
        occurred_at="TIMESTAMP WITH TIME ZONE",
        recorded_at="TIMESTAMP WITH TIME ZONE",
    )
    row = {"visit_key": "v1", "source_ref": f"{ADT}#1", "patient_name": NAME}
    _table(lake, "canonical__visit", [row])
    outcome = {"source_system": "adt_hl7", "record_type": "ADT^A03", "object_key": None}
    _table(
        lake,
        "canonical__record_outcome",
        [
            {
                **outcome,
                "source_ref": f"{ADT}#1",
                "outcome": "event",
                "has_effect": True,
                "object_key": "e1",
            },
            {
                **outcome,
                "source_ref": f"{ADT}#2",
                "outcome": "visit_not_found",
                "has_effect": False,
            },
        ],
        has_effect="BOOLEAN",
    )
    counted = {"part": "record", "source_ref": ""}
    not_found = {"source_system": "adt_hl7", "record_type": "ADT^A03", "reason": "visit_not_found"}
    not_read = {
        "source_system": "ehr_fhir",
        "record_type": "Observation",
        "reason": "type_not_read",
    }
    _table(
        lake,
        "canonical__no_effect",
        [
            {**counted, **not_found, "meaning": "it finds no visit"},
            {**counted, **not_read, "meaning": "nothing reads it"},
        ],
    )
    return hospital


def _record(stored: Any, what: str) -> RecordTrace:
    (found,) = follow(stored.lake, stored.home, what, STORED_RECORDS)
    assert isinstance(found, RecordTrace)
    return found


@pytest.mark.parametrize("what", [f"{ADT}#1", "C1"])
def test_a_record_names_its_events_and_rows(stored: Any, what: str) -> None:
    found = _record(stored, what)
    assert (found.origin.place, found.origin.record) == ("message 1", "ADT^A03")
    assert (found.outcome, found.has_effect, found.meaning) == ("event", True, "")
    assert [str(event) for event in found.events] == ["departed admitted -> discharged"]
    assert found.rows == (
        StoreRow("canonical__visit", "v1"),
        StoreRow("canonical__visit_event", "e1"),
    )


def test_a_record_without_effect_says_why(stored: Any) -> None:
    found = _record(stored, f"{ADT}#2")
    assert (found.outcome, found.has_effect) == ("visit_not_found", False)
    assert "no effect: visit_not_found: it finds no visit" in found.lines()
    assert (found.events, found.rows) == ((), ())


@pytest.mark.parametrize("what", [f"{FHIR}#4", "Observation/o"])
def test_a_resource_of_a_type_that_no_table_reads_says_so(stored: Any, what: str) -> None:
    found = _record(stored, what)
    assert (found.outcome, found.meaning) == ("type_not_read", "nothing reads it")


def test_a_key_leads_back_to_its_record(stored: Any) -> None:
    (found,) = follow(stored.lake, stored.home, "v1", STORED_RECORDS)
    assert isinstance(found, RowTrace)
    assert found.row == StoreRow("canonical__visit", "v1")
    assert found.origin.path == stored.home.landing / ADT
    assert [step.event_type for step in found.steps] == ["departed"]


def test_no_value_of_a_record_is_shown(stored: Any) -> None:
    for what in (f"{ADT}#1", f"{ADT}#2", f"{FHIR}#4", "v1"):
        for found in follow(stored.lake, stored.home, what, STORED_RECORDS):
            assert NAME not in repr((found.lines(), asdict(found)))


def test_a_rejected_record_leads_to_quarantine(stored: Any) -> None:
    row = {"quarantine_id": "q-1", "file": ADT, "position": 3}
    _table(stored.lake, "quarantine", [row], position="BIGINT")
    with pytest.raises(UsageError, match="is in quarantine") as error:
        follow(stored.lake, stored.home, f"{ADT}#3", STORED_RECORDS)
    assert error.value.remedy == "lakeward quarantine show q-1"


def test_what_names_nothing_is_a_usage_error(stored: Any) -> None:
    with pytest.raises(UsageError, match="nothing that is stored has this name"):
        follow(stored.lake, stored.home, "nobody", STORED_RECORDS)
    with pytest.raises(UsageError, match="no stored record stands there"):
        follow(stored.lake, stored.home, f"{ADT}#9", STORED_RECORDS)
