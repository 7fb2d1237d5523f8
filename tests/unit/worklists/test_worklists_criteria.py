"""Which criterion a visit, a referral or a bed fails, and by which facts."""

from typing import Any

import pytest

STAY = "discharge_and_bed_turnover"


def _failed(models: Any, worklist: str) -> dict[str, list[str]]:
    columns = "worklist, coalesce(referral_key, visit_key, bed_key), is_candidate, failed_criteria"
    rows = models.run("worklist__criteria", columns)
    assert all(is_candidate is (failed == []) for _, _, is_candidate, failed in rows)
    return {key: failed for name, key, _, failed in rows if name == worklist}


def test_every_visit_that_is_not_to_be_reminded_of_says_why(models: Any) -> None:
    visit = {"main_state": "scheduled", "source_ref": "scheduling_hl7/2026-01-02/siu.hl7#1"}
    models.add(
        "canonical__visit",
        {**visit, "visit_key": "soon", "scheduled_start_at": "2026-01-06T14:30:00Z"},
        {**visit, "visit_key": "later", "scheduled_start_at": "2026-02-06T14:30:00Z"},
        {**visit, "visit_key": "walk-in"},
    )
    assert _failed(models, "appointment_reminders") == {
        "soon": [],
        "later": ["starts_in_a_window"],
        "walk-in": ["start_is_stated", "starts_in_a_window"],
    }
    rows = models.run("worklist__criteria", "worklist, visit_key, facts")
    facts = {key: facts for name, key, facts in rows if name == "appointment_reminders"}
    assert "starts_on=2026-02-06" in facts["later"]
    assert not any(fact.startswith("starts_on") for fact in facts["walk-in"])


def test_a_referral_that_nobody_has_to_follow_up_says_so(models: Any) -> None:
    models.add(
        "canonical__referral_status",
        {"referral_key": "open", "state": "created"},
        {"referral_key": "done", "state": "closed"},
        {"referral_key": "unknown"},
    )
    assert _failed(models, "referral_followup") == {
        "open": [],
        "done": ["waits_for_the_desk"],
        "unknown": ["waits_for_the_desk"],
    }


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({"main_state": "boarding"}, []),
        ({"main_state": "admitted", "expected_discharge_at": "2026-01-06T12:00:00Z"}, []),
        (
            {"main_state": "admitted", "expected_discharge_at": "2026-01-09T12:00:00Z"},
            ["bed_comes_free_or_is_waited_for"],
        ),
        ({"main_state": "admitted"}, ["bed_comes_free_or_is_waited_for"]),
        (
            {"main_state": "discharged", "expected_discharge_at": "2026-01-05T12:00:00Z"},
            ["patient_is_in_a_bed"],
        ),
    ],
)
def test_a_stay_says_what_keeps_it_off(
    models: Any, values: dict[str, str], failed: list[str]
) -> None:
    models.add("canonical__visit", {"visit_key": "v", **values})
    assert _failed(models, STAY) == {"v": failed}


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({"state": "vacated_dirty"}, []),
        ({"state": "unknown", "state_reason": "status_not_reported"}, []),
        ({"state": "occupied"}, ["bed_may_be_free"]),
        ({"state": "cleaning", "master_status": "inactive"}, ["bed_is_in_service"]),
    ],
)
def test_a_bed_says_what_keeps_it_off(
    models: Any, values: dict[str, str], failed: list[str]
) -> None:
    models.add("canonical__bed", {"bed_key": "b", **values})
    assert _failed(models, STAY) == {"b": failed}
