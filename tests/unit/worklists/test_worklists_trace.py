"""A row's way back to its message or line, without a value of any record."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakeward.assets.all_stored_records import STORED_RECORDS
from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.lake.tables import Column, Lake, TableSpec, write
from lakeward.worklists.trace import trace

REMINDERS = "appointment_reminders"
SIU = "scheduling_hl7/2026-01-05/siu.hl7"
FHIR = "ehr_fhir/2026-01-02/Appointment.ndjson"


def _table(lake: Lake, name: str, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    spec = TableSpec(name, tuple(Column(n, t, Phi.LK) for n, t in types.items()))
    data = pa.Table.from_pylist([{n: row.get(n) for n in types} for row in rows])
    write(lake, spec, data, mode="overwrite")


@pytest.fixture
def listed(hospital: Any) -> Any:
    hospital.release(REMINDERS, [{"row_id": "r-1", "visit_key": "v1", "source_ref": f"{SIU}#3"}])
    texts = ["file", "message_type", "trigger_event"]
    _table(
        hospital.lake,
        "raw_hl7v2__message",
        dict.fromkeys(texts, "VARCHAR") | {"message": "BIGINT"},
        [{"file": SIU, "message": 3, "message_type": "SIU", "trigger_event": "S13"}],
    )
    texts = ["file", "resource_type", "version_id"]
    _table(
        hospital.lake,
        "raw_fhir__resource",
        dict.fromkeys([*texts, "source", "id", "content_sha256", "resource"], "VARCHAR")
        | {"line": "BIGINT", "received": "BIGINT", "is_subsetted": "BOOLEAN"}
        | {"last_updated": "TIMESTAMP WITH TIME ZONE"},
        [{"file": FHIR, "line": 12, "resource_type": "Appointment", "version_id": "2"}],
    )
    texts = ["event_id", "event_type", "visit_key", "from_state", "to_state", "source_trigger"]
    at = {"occurred_at": "TIMESTAMP WITH TIME ZONE", "recorded_at": "TIMESTAMP WITH TIME ZONE"}
    shared = {"visit_key": "v1", "to_state": "scheduled"}
    _table(
        hospital.lake,
        "canonical__visit_event",
        dict.fromkeys([*texts, "source_ref"], "VARCHAR") | {"is_cancelled": "BOOLEAN"} | at,
        [
            {
                **shared,
                "event_type": "appointment_rescheduled",
                "occurred_at": datetime(2026, 1, 5, tzinfo=UTC),
                "source_ref": f"{SIU}#3",
            },
            {
                **shared,
                "event_type": "appointment_booked",
                "occurred_at": datetime(2026, 1, 2, tzinfo=UTC),
                "source_ref": f"{FHIR}#12",
            },
            {"event_type": "arrived", "visit_key": "other", "source_ref": f"{SIU}#4"},
        ],
    )
    return hospital


def test_reminder_names_the_message_of_the_change(listed: Any) -> None:
    found = trace(listed.lake, listed.home, "r-1", STORED_RECORDS)
    assert found.worklist == REMINDERS
    assert found.origin.path == listed.home.landing / SIU
    assert (found.origin.place, found.origin.record) == ("message 3", "SIU^S13")
    assert [(s.event_type, s.origin.place, s.origin.record) for s in found.steps] == [
        ("appointment_booked", "line 12", "Appointment version 2"),
        ("appointment_rescheduled", "message 3", "SIU^S13"),
    ]
    text = "\n".join(found.lines())
    assert f"{SIU} message 3 (SIU^S13)" in text
    assert "v1" not in text


def test_a_row_of_an_earlier_version_is_found(listed: Any) -> None:
    listed.release(REMINDERS, [])
    found = trace(listed.lake, listed.home, "r-1", STORED_RECORDS)
    assert (found.table_version, found.release_id is not None) == (1, True)


def test_unknown_row_is_a_usage_error(listed: Any) -> None:
    with pytest.raises(UsageError, match="no worklist holds this row"):
        trace(listed.lake, listed.home, "nobody", STORED_RECORDS)


def test_a_record_that_came_back_names_where_it_was_rejected(listed: Any) -> None:
    texts = dict.fromkeys(["quarantine_id", "file"], "VARCHAR")
    row = {"quarantine_id": "q-1", "file": SIU, "position": 3}
    _table(listed.lake, "quarantine_action", texts | {"position": "BIGINT"}, [row])
    landed = {"quarantine_id": "q-1", "file": "scheduling_hl7/2026-01-05/a.hl7", "place": "line 9"}
    _table(listed.lake, "quarantine", texts | {"place": "VARCHAR"}, [landed])
    found = trace(listed.lake, listed.home, "r-1", STORED_RECORDS)
    assert found.origin.rejected == "scheduling_hl7/2026-01-05/a.hl7 line 9"
    assert str(found.origin).endswith(f"(SIU^S13), rejected before as {found.origin.rejected}")
    assert found.steps[0].origin.rejected == ""
