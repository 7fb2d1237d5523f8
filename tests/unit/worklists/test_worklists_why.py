"""Why something is on a list or not, from hand-made releases of a list and of what it looked at."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakeward.assets.all_stored_records import STORED_RECORDS
from lakeward.contracts import load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.lake.candidate import contract_table
from lakeward.lake.tables import Column, TableSpec, arrow_schema, write
from lakeward.worklists.why import CRITERIA, Why, why

LIST = "referral_followup"
REF = "orders_hl7/2026-01-05/orders.hl7#3"
NAME = "Secretname"
STATES = {"r1": "created", "r2": "created", "r3": "closed", "r4": "declined"}


def _write(hospital: Any, table: str, rows: list[dict[str, Any]]) -> int:
    spec = contract_table(load_contracts()[table])
    full = [{c.name: row.get(c.name) for c in spec.columns} for row in rows]
    data = pa.Table.from_pylist(full, schema=arrow_schema(spec))
    return int(write(hospital.lake, spec, data, mode="overwrite").version)


def _looked_at(hospital: Any, day: date, states: dict[str, str]) -> None:
    """Release what the list looked at, and whom it suppressed: r2 is within its target."""
    rows = [
        {
            "row_id": f"row-{key}",
            "worklist": LIST,
            "referral_key": key,
            "is_candidate": state == "created",
            "failed_criteria": [] if state == "created" else ["waits_for_the_desk"],
            "facts": [f"state={state}", "target_days=7"],
            "source_ref": REF,
        }
        for key, state in states.items()
    ]
    left_off = {"row_id": "row-r2", "worklist": LIST, "reason": "within_target"}
    pins = {
        CRITERIA: _write(hospital, CRITERIA, rows),
        "worklist__suppression": _write(hospital, "worklist__suppression", [left_off]),
    }
    hospital.decide("worklist__suppression", pins, day=day)


@pytest.fixture
def released(hospital: Any) -> Any:
    referrals = [
        {"referral_key": key, "originating_id": f"R-{key}", "patient_key": "p1", "state": state}
        for key, state in STATES.items()
    ]
    people = [{"patient_key": key, "family_name": NAME, "mrn": "0042"} for key in ("p1", "p2")]
    named = [{"patient_key": "p1", "identifier_value": "0042"}]
    pins = {
        "canonical__referral_status": _write(hospital, "canonical__referral_status", referrals),
        "canonical__patient": _write(hospital, "canonical__patient", people),
        "canonical__patient_identifier": _write(hospital, "canonical__patient_identifier", named),
    }
    hospital.decide("canonical", pins, day=hospital.day)
    row = {"row_id": "row-r1", "referral_key": "r1", "patient_name": NAME, "reason": "It waits"}
    hospital.release(LIST, [row])
    _looked_at(hospital, hospital.day, STATES)
    return hospital


def _why(hospital: Any, name: str, day: date | None = None) -> Why:
    return why(hospital.lake, hospital.home, name, LIST, day, STORED_RECORDS)


def test_a_patient_has_an_answer_for_all_that_the_list_looked_at(released: Any) -> None:
    found = _why(released, "0042")
    assert [(a.key, a.verdict) for a in found.answers] == [
        ("r1", "listed"),
        ("r2", "suppressed"),
        ("r3", "not_a_candidate"),
        ("r4", "not_a_candidate"),
    ]
    listed, suppressed, other, _ = found.answers
    assert (listed.row_id, listed.rank, listed.reason) == ("row-r1", 1, "It waits")
    assert [each.name for each in suppressed.because] == ["within_target"]
    assert [each.name for each in other.because] == ["waits_for_the_desk"]
    assert other.facts == {"state": "closed", "target_days": "7"}
    # the words are those of the contract
    assert suppressed.because[0].meaning == "the referral has not waited longer than its target"


def test_what_is_of_a_patient_alone_is_found_by_the_number_of_the_patient(released: Any) -> None:
    """A task may have no visit and no referral, and a critical result waits for no visit."""
    row = {"row_id": "row-t", "task_key": "t", "patient_key": "p1", "reason": "It is late"}
    released.release("overdue_tasks", [row])
    looked_at = {"worklist": "overdue_tasks", "is_candidate": True, "failed_criteria": []}
    rows = [
        looked_at | {"row_id": f"row-{key}", "patient_key": of, "facts": [], "source_ref": REF}
        for key, of in (("t", "p1"), ("other", "p2"))
    ]
    pins = {
        CRITERIA: _write(released, CRITERIA, rows),
        "worklist__suppression": _write(released, "worklist__suppression", []),
    }
    released.decide("worklist__suppression", pins, day=released.day)
    lake, home = released.lake, released.home
    (answer,) = why(lake, home, "0042", "overdue_tasks", None, STORED_RECORDS).answers
    assert (answer.kind, answer.key, answer.verdict) == ("patient", "p1", "listed")


@pytest.mark.parametrize("name", ["R-r2", "r2", "row-r2"])
def test_a_referral_is_found_by_what_people_call_it(released: Any, name: str) -> None:
    assert [answer.key for answer in _why(released, name).answers] == ["r2"]


def test_the_action_is_that_of_the_list_that_was_delivered(released: Any) -> None:
    assert _why(released, "r1").answers[0].action is None
    released.export(LIST)
    assert _why(released, "r1").answers[0].action == "new"


def test_an_earlier_day_is_answered_from_its_own_versions(released: Any) -> None:
    tomorrow = date(2026, 1, 6)
    released.release(LIST, [], day=tomorrow)
    _looked_at(released, tomorrow, STATES | {"r1": "closed"})
    then, now = _why(released, "r1", released.day), _why(released, "r1")
    assert (then.day, then.answers[0].verdict) == (released.day, "listed")
    assert (now.day, now.answers[0].verdict) == (tomorrow, "not_a_candidate")
    assert now.table_version > then.table_version
    assert now.release_id != then.release_id


def test_an_instant_is_answered_by_the_releases_that_were_in_force(released: Any) -> None:
    then = datetime.now(UTC)
    # the same day again, with a store that has learned since that the referral is closed
    released.release(LIST, [])
    _looked_at(released, released.day, STATES | {"r1": "closed"})
    before = why(
        released.lake, released.home, "r1", LIST, released.day, STORED_RECORDS, known_at=then
    )
    assert before.answers[0].verdict == "listed"
    assert _why(released, "r1", released.day).answers[0].verdict == "not_a_candidate"
    with pytest.raises(UsageError, match="not released yet"):
        why(
            released.lake,
            released.home,
            "r1",
            LIST,
            None,
            STORED_RECORDS,
            known_at=datetime(2000, 1, 1, tzinfo=UTC),
        )


def test_a_candidate_row_that_a_release_goes_without_says_so(released: Any) -> None:
    released.release(LIST, [])
    assert _why(released, "r1").answers[0].verdict == "left_out"


def test_what_the_list_does_not_look_at_is_said(released: Any) -> None:
    found = _why(released, "p2")
    assert found.answers == ()
    assert found.lines()[1] == "the list looks at nothing that this name stands for"


def test_no_value_of_a_record_is_shown(released: Any) -> None:
    for name in ("0042", "p2"):
        found = _why(released, name)
        assert NAME not in repr((found.lines(), asdict(found)))
        assert "0042" not in repr((found.lines(), asdict(found)))


def test_what_cannot_be_answered_says_what_to_do(released: Any) -> None:
    with pytest.raises(UsageError, match="knows nothing by this name"):
        _why(released, "nobody")
    with pytest.raises(UsageError, match="unknown"):
        why(released.lake, released.home, "r1", "no_list", None, STORED_RECORDS)
    with pytest.raises(UsageError, match="not released for 2026-01-07") as error:
        _why(released, "r1", date(2026, 1, 7))
    assert error.value.expected == "a day from 2026-01-05 to 2026-01-05"
    released.release(LIST, [], day=date(2026, 1, 8), held_by=["worklist__x.rule"])
    with pytest.raises(UsageError, match="held on 2026-01-08 by worklist"):
        _why(released, "r1", date(2026, 1, 8))


def test_a_raw_record_leads_to_what_it_is_about(released: Any) -> None:
    columns = ["source", "file", "message_type", "trigger_event", "control_id"]
    kinds = dict.fromkeys(columns, "VARCHAR") | {"message": "BIGINT", "received": "BIGINT"}
    spec = TableSpec("raw_hl7v2__message", tuple(Column(n, t, Phi.LK) for n, t in kinds.items()))
    file, _, number = REF.rpartition("#")
    row = {"source": "orders_hl7", "file": file, "message": int(number), "received": 1}
    row |= {"message_type": "REF", "trigger_event": "I12", "control_id": "C9"}
    write(released.lake, spec, pa.Table.from_pylist([row]), mode="overwrite")
    outcome = {"source_ref": REF, "outcome": "event", "object_key": "r3"}
    version = _write(released, "canonical__record_outcome", [outcome])
    pins = dict.fromkeys(("canonical__referral_status", "canonical__patient"), 1)
    released.decide("canonical", pins | {"canonical__record_outcome": version}, day=released.day)
    released.release(LIST, [])
    for name in (REF, "C9"):
        found = _why(released, name)
        assert [answer.key for answer in found.answers] == ["r3"]
        assert found.answers[0].basis.record == "REF^I12"
