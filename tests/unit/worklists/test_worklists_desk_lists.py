"""What the lists of the desks say about small, hand-written hospitals: who is on them and why.

Tasks, registrations, results and authorisations. Reminders, referrals and beds are tested in
`test_worklists_models`.
"""

from typing import Any

import pytest
from rendered_models import planned

from lakeward.contracts import load_contract
from lakeward.contracts.odcs import contracts_folder

TASKS, REGISTRATIONS = "worklist__overdue_tasks", "worklist__incomplete_registration"
RESULTS, AUTHORISATIONS = "worklist__results_before_followup", "worklist__prior_authorisation"


def _patient(key: str, **other: object) -> dict[str, object]:
    return {"patient_key": key, "family_name": "Ruiz", "given_names": "Ada", "mrn": key, **other}


def _task(key: str, **other: object) -> dict[str, object]:
    return {
        "task_key": key,
        "task_type": "call_patient",
        "status": "requested",
        "created_at": "2026-01-01T12:00:00Z",
        "source_ref": "ehr_fhir/2026-01-02/task.ndjson#1",
        **other,
    }


def _result(key: str, **other: object) -> dict[str, object]:
    return {
        "result_key": key,
        "patient_key": "p-1",
        "result_status": "final",
        "result_category": "lab",
        "is_reviewed": False,
        "review_signal": "none",
        "resulted_at": "2026-01-03T17:00:00Z",
        "source_ref": "orders_hl7/2026-01-03/oru.hl7#1",
        **other,
    }


@pytest.mark.parametrize("table", [TASKS, REGISTRATIONS, RESULTS, AUTHORISATIONS])
def test_columns_are_the_contract(models: Any, table: str) -> None:
    contract = load_contract(contracts_folder() / f"{table}.odcs.yaml")
    assert list(models.columns(table)) == [(c.name, c.physical_type) for c in contract.columns]


def test_the_latest_task_is_first_and_says_what_to_do(models: Any) -> None:
    models.add("canonical__practitioner", {"practitioner_key": "d", "display_name": "Dr. Ito"})
    models.add("canonical__patient", _patient("dead", is_deceased=True))
    models.add(
        "canonical__task",
        _task("due", due_at="2026-01-04T15:00:00Z", owner_key="d", status="in-progress"),
        _task("idle", created_at="2025-12-20T12:00:00Z", owner_type="Organization"),
        _task("died", due_at="2026-01-05T12:00:00Z", patient_key="dead"),
    )
    assert models.run(TASKS, "task_key, next_action, reason") == [
        (
            "idle",
            "Give it to somebody",
            "No due time; untouched since 20 Dec; open for 16 days"
            "; with owner without a name (organization)",
        ),
        ("due", "Ask the owner", "Due on 4 Jan 10:00; open for 4 days; with Dr. Ito"),
        (
            "died",
            "Close: the patient has died",
            "Due on 5 Jan 07:00; open for 4 days; with nobody",
        ),
    ]


def test_a_task_left_out_says_why(models: Any) -> None:
    models.add("task_queue", {"task_type": "clean_bed", "waits_elsewhere": "evs"})
    models.add("canonical__patient", _patient("t", record_status="test"))
    late: dict[str, object] = {"due_at": "2026-01-02T12:00:00Z"}
    models.add(
        "canonical__task",
        _task("not_due", due_at="2026-01-09T12:00:00Z"),
        _task("no_due_time"),
        _task("start_unknown", created_at=None),
        _task("on_another_list", task_type="clean_bed", **late),
        _task("draft", status="draft", **late),
        _task("patient_test", patient_key="t", **late),
        _task("over", status="completed", **late),
    )
    assert models.run(TASKS) == []
    reasons = ["draft", "no_due_time", "not_due", "on_another_list", "patient_test"]
    assert models.left_out(TASKS) == [(name, name) for name in [*reasons, "start_unknown"]]


def test_a_patient_is_asked_once_for_all_that_is_missing(models: Any) -> None:
    models.add(
        "canonical__visit",
        planned("1", "2026-01-07T15:00:00Z"),
        planned("2", "2026-01-06T15:00:00Z", patient_key="p-1"),
        planned("3", "2026-01-20T15:00:00Z"),
        planned("4", "2026-01-06T15:00:00Z", main_state="cancelled"),
    )
    missing = {"missing_fields": ["birth_date", "phone"]}
    models.add("canonical__patient", *(_patient(f"p-{n}", **missing) for n in (1, 3, 4)))
    assert models.run(REGISTRATIONS, "patient_name, appt_id, missing, contact_channel, reason") == [
        (
            "Ruiz, Ada",
            "A2",
            "birth date, phone",
            "manual",
            "Comes on 6 Jan 10:00; missing: birth date, phone",
        )
    ]


@pytest.mark.parametrize(
    ("covers", "missing"),
    [
        ([], None),
        ([("other", True, None)], "insurance in force"),
        ([("p-1", False, None)], "insurance in force"),
        ([("p-1", True, None)], None),
        ([("p-1", True, "2026-01-02")], None),
        ([("p-1", True, "2025-11-02")], "answer of the payer in the last 30 days"),
        (
            [("p-1", True, None), ("other", True, "2026-01-02")],
            "answer of the payer in the last 30",
        ),
    ],
)
def test_insurance_is_missing_only_where_it_is_stated(
    models: Any, covers: list[tuple[str, bool, str | None]], missing: str | None
) -> None:
    models.add("canonical__visit", planned("1", "2026-01-06T15:00:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    for patient, in_force, answered in covers:
        cover = {"patient_key": patient, "is_in_force": in_force, "eligibility_at": answered}
        models.add("canonical__coverage", cover)
    rows = models.run(REGISTRATIONS, "missing")
    assert [row[0].startswith(missing) for row in rows] == ([True] if missing else [])
    assert models.left_out(REGISTRATIONS) == ([] if missing else [("1", "complete")])


def test_a_critical_result_waits_for_noplanned(models: Any) -> None:
    models.add("canonical__visit", planned("1", "2026-01-08T15:00:00Z"))
    models.add("canonical__patient", _patient("p-1"), _patient("p-2"), _patient("p-3"))
    models.add(
        "canonical__diagnostic_result",
        _result("soon", corrected_at="2026-01-04T17:00:00Z", review_signal="task"),
        _result("critical", patient_key="p-2", is_critical=True),
        _result("nobody_comes", patient_key="p-3"),
        _result("part", result_status="preliminary"),
    )
    assert models.run(RESULTS, "result_key, is_critical, age_days, followup_time, reason") == [
        (
            "critical",
            True,
            2,
            None,
            "Critical result of 3 Jan; no review is stated; no visit in the next 5 days",
        ),
        (
            "soon",
            False,
            1,
            "10:00",
            "Result, corrected of 4 Jan; not reviewed as it stands; patient comes on 8 Jan 10:00",
        ),
    ]


def test_a_result_left_out_says_why(models: Any) -> None:
    models.add("canonical__visit", planned("1", "2026-01-08T15:00:00Z"))
    models.add("canonical__patient", _patient("p-1"), _patient("d", is_deceased=True))
    models.add(
        "canonical__diagnostic_result",
        _result("reviewed", is_reviewed=True),
        _result("start_unknown", resulted_at=None),
        _result("older_than_90_days", resulted_at="2025-06-01T12:00:00Z"),
        _result("patient_deceased", patient_key="d", is_critical=True),
        _result("patient_unknown", patient_key="nobody", is_critical=True),
    )
    assert models.run(RESULTS) == []
    reasons = ["older_than_90_days", "patient_deceased", "patient_unknown", "reviewed"]
    assert models.left_out(RESULTS) == [(name, name) for name in [*reasons, "start_unknown"]]


@pytest.mark.parametrize(
    ("authorisation", "reason"),
    [
        ({"authorisation_status": "pending"}, "Authorisation pending"),
        (
            {"authorisation_status": "denied", "decided_at": "2026-01-02T15:00:00Z"},
            "Authorisation denied on 2 Jan",
        ),
        ({"authorisation_status": "required"}, "Authorisation required and not asked for"),
        (
            {
                "authorisation_status": "approved",
                "is_valid": True,
                "expires_at": "2026-01-07T15:00:00Z",
            },
            "Authorisation ends on 7 Jan, before the visit",
        ),
        (
            {"authorisation_status": "approved", "is_valid": False},
            "Authorisation not valid any more, or used up",
        ),
        ({"authorisation_status": "approved", "is_valid": True}, None),
        ({"authorisation_status": "not_required"}, None),
    ],
)
def test_an_authorisation_has_to_last_until_theplanned(
    models: Any, authorisation: dict[str, object], reason: str | None
) -> None:
    models.add("canonical__visit", planned("1", "2026-01-12T15:00:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    models.add(
        "canonical__authorisation",
        {"authorisation_key": "a", "visit_key": "1", **authorisation},
    )
    rows = models.run(AUTHORISATIONS, "reason")
    assert rows == ([(f"{reason}; visit on 12 Jan 10:00",)] if reason else [])


def test_an_appointment_of_a_referral_stands_on_its_authorisation(models: Any) -> None:
    for key in ("1", "2", "3"):
        models.add("canonical__visit", planned(key, "2026-01-12T15:00:00Z"))
        models.add("canonical__patient", _patient(f"p-{key}"))
    for key, required in (("1", True), ("2", True), ("3", None)):
        models.add(
            "canonical__referral_status",
            {"referral_key": f"r{key}", "appointment_visit_key": key, "auth_required": required},
        )
    models.add(
        "canonical__authorisation",
        {
            "authorisation_key": "a",
            "referral_key": "r2",
            "authorisation_status": "approved",
            "is_valid": True,
        },
        {"authorisation_key": "b", "referral_key": "r2", "authorisation_status": "denied"},
    )
    rows = models.run(AUTHORISATIONS, "appt_id, authorisation_status, next_action, reason")
    assert rows == [
        (
            "A1",
            "missing",
            "Ask the payer",
            "No authorisation on record; visit on 12 Jan 10:00",
        )
    ]
