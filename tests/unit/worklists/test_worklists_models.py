"""What the worklist and metric models say about small, hand-written hospitals."""

from typing import Any

import pytest

from lakeward.contracts import load_contract
from lakeward.contracts.odcs import contracts_folder

REMINDERS = "worklist__appointment_reminders"
TABLES = [
    REMINDERS,
    "worklist__referral_followup",
    "worklist__discharge_and_bed_turnover",
    "worklist__suppression",
    "metric__message_latency",
    "metric__no_show_rate",
]


def _visit(key: str, start: str, **other: object) -> dict[str, object]:
    return {
        "visit_key": key,
        "patient_key": f"p-{key}",
        "appointment_id": f"A{key}",
        "scheduled_start_at": start,
        "main_state": "scheduled",
        "source_ref": "scheduling_hl7/2026-01-02/siu.hl7#1",
        **other,
    }


def _consent(key: str, channel: str, decided: str, *, permitted: bool) -> dict[str, object]:
    return {
        "patient_key": key,
        "channel": channel,
        "purpose": "TREAT",
        "is_permitted": permitted,
        "decided_at": decided,
    }


def _patient(key: str, **other: object) -> dict[str, object]:
    return {
        "patient_key": key,
        "given_names": "Ada Maria",
        "phone_mobile": "+16175550100",
        "phone_home": "+16175550199",
        "email": "ada@example.org",
        "record_status": "active",
        **other,
    }


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_the_contract(models: Any, table: str) -> None:
    contract = load_contract(contracts_folder() / f"{table}.odcs.yaml")
    assert list(models.columns(table)) == [(c.name, c.physical_type) for c in contract.columns]


def test_moved_appointment_says_why_and_names_its_message(models: Any) -> None:
    models.add("canonical__visit", _visit("1", "2026-01-06T14:30:00Z", location_key="l"))
    models.add("canonical__patient", _patient("p-1"))
    models.add("canonical__consent", _consent("p-1", "sms", "2025-01-01", permitted=True))
    models.add("canonical__location", {"location_key": "l", "name": "Clinic", "phone": "+1617"})
    for kind, at, number in [("booked", "02", 1), ("rescheduled", "05", 7), ("modified", "05", 9)]:
        models.add(
            "canonical__visit_event",
            {
                "event_id": kind,
                "visit_key": "1",
                "event_type": f"appointment_{kind}",
                "occurred_at": f"2026-01-{at}T15:00:00Z",
                "source_ref": f"scheduling_hl7/2026-01-{at}/siu.hl7#{number}",
            },
        )
    columns = "tier, appt_id, first_name, channel, contact, local_time, location_name, reason"
    assert models.run(REMINDERS, columns) == [
        (
            "T+1",
            "A1",
            "Ada",
            "sms",
            "+16175550100",
            "09:30",
            "Clinic",
            "Appointment moved on 5 Jan; reminder due for 6 Jan 09:30",
        )
    ]
    assert models.run(REMINDERS, "source_ref") == [("scheduling_hl7/2026-01-05/siu.hl7#7",)]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-01-05", [("Mon", "T+1"), ("Thu", "T+3")]),
        ("2026-01-09", [("MonNext", "T+3")]),  # Friday: the next day is closed
        ("2026-01-10", []),
        ("2026-01-11", [("MonNext", "T+1")]),
        ("2026-01-16", []),  # Monday 19, three days ahead, is a holiday
        ("2026-01-19", [("Tue20", "T+1")]),
    ],
)
def test_windows_follow_the_calendar(
    models: Any, day: str, expected: list[tuple[str, str]]
) -> None:
    models.variables["day"] = day
    starts = {"Mon": "06", "Thu": "08", "Sat": "10", "MonNext": "12", "Hol": "19", "Tue20": "20"}
    for key, number in starts.items():
        models.add("canonical__visit", _visit(key, f"2026-01-{number}T15:00:00Z"))
        models.add("canonical__patient", _patient(f"p-{key}"))
    rows = sorted(models.run(REMINDERS, "visit_key, tier"))
    if day == "2026-01-05":
        expected = [*expected, ("MonNext", "T+7")]
    assert rows == sorted(expected)


@pytest.mark.parametrize(
    ("decisions", "channel", "contact", "because"),
    [
        ([], "manual", None, "permission_unknown"),
        ([("sms", "2025-01-01", True)], "sms", "+16175550100", "none"),
        ([("phone", "2025-01-01", True)], "phone", "+16175550199", "none"),
        ([("email", "2025-01-01", True)], "email", "ada@example.org", "none"),
        ([("any", "2025-01-01", True)], "sms", "+16175550100", "none"),
        ([("any", "2025-06-01", False), ("sms", "2025-07-01", True)], "manual", None, "denied"),
        ([("sms", "2025-01-01", False), ("any", "2025-07-01", True)], "phone", "+16175550199", ""),
        ([("sms", "2025-01-01", False), ("sms", "2025-07-01", True)], "sms", "+16175550100", ""),
        ([("sms", "2025-01-01", True), ("sms", "2025-07-01", False)], "manual", None, "denied"),
        ([("sms", "2025-07-01", True), ("sms", "2025-07-01", False)], "manual", None, "denied"),
        ([("sms", "2026-02-01", True)], "manual", None, "permission_unknown"),
    ],
)
def test_consent_decides_the_channel(
    models: Any,
    decisions: list[tuple[str, str, bool]],
    channel: str,
    contact: str | None,
    because: str,
) -> None:
    models.add("canonical__visit", _visit("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    for name, decided, permitted in decisions:
        models.add("canonical__consent", _consent("p-1", name, decided, permitted=permitted))
    row = models.run(REMINDERS, "channel, contact, manual_because")[0]
    assert row[:2] == (channel, contact)
    assert because in row[2]


def test_permission_for_another_purpose_is_none(models: Any) -> None:
    models.add("canonical__visit", _visit("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    marketing = _consent("p-1", "sms", "2025-01-01", permitted=True) | {"purpose": "HMARKT"}
    models.add("canonical__consent", marketing)
    assert models.run(REMINDERS, "channel, contact") == [("manual", None)]


def test_permitted_without_number_is_called_by_hand(models: Any) -> None:
    models.add("canonical__visit", _visit("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1", phone_mobile=" ", phone_home=None))
    models.add("canonical__consent", _consent("p-1", "sms", "2025-01-01", permitted=True))
    models.add("canonical__consent", _consent("p-1", "email", "2025-01-01", permitted=False))
    assert models.run(REMINDERS, "channel, manual_because") == [("manual", "no_contact_on_record")]


def test_candidates_left_out_are_counted_by_reason(models: Any) -> None:
    states: dict[str, dict[str, object]] = {
        "cancelled": {"main_state": "cancelled"},
        "not_booked": {"main_state": "requested"},
        "already_under_way": {"main_state": "arrived"},
    }
    persons: dict[str, dict[str, object]] = {
        "patient_merged": {"record_status": "merged"},
        "patient_deceased": {"is_deceased": True},
        "patient_inactive": {"record_status": "inactive"},
    }
    for name in [*states, *persons, "patient_unknown"]:
        models.add("canonical__visit", _visit(name, "2026-01-06T14:30:00Z", **states.get(name, {})))
        if name != "patient_unknown":
            models.add("canonical__patient", _patient(f"p-{name}", **persons.get(name, {})))
    assert models.run(REMINDERS) == []
    rows = models.run("worklist__suppression", "subject_key, reason")
    assert sorted(rows) == sorted((n, n) for n in [*states, *persons, "patient_unknown"])


@pytest.mark.parametrize("day", ["2026-01-09", "2026-01-07", "2026-01-03"])
def test_visit_on_a_closed_day_is_counted_in_every_window(models: Any, day: str) -> None:
    models.variables["day"] = day
    models.add("canonical__visit", _visit("sat", "2026-01-10T15:00:00Z"))
    models.add("canonical__patient", _patient("p-sat"))
    assert models.run(REMINDERS) == []
    assert models.run("worklist__suppression", "reason") == [("facility_closed",)]


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("(617) 555-0100", "+16175550100"),
        ("1-617-555-0100", "+16175550100"),
        ("+44 20 7183 8750", "+442071838750"),
        ("none", None),
        ("12345", None),
    ],
)
def test_numbers_leave_as_e164_or_not_at_all(
    models: Any, written: str, dialled: str | None
) -> None:
    models.add("canonical__visit", _visit("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1", phone_mobile=written, phone_home=None))
    models.add("canonical__consent", _consent("p-1", "sms", "2025-01-01", permitted=True))
    assert models.run(REMINDERS, "contact") == [(dialled,)]


def _referral(key: str, state: str, received: str, **other: object) -> dict[str, object]:
    return {
        "referral_key": key,
        "originating_id": f"R{key}",
        "state": state,
        "received_at": received,
        "source_ref": "orders_hl7/2026-01-02/orders.hl7#3",
        **other,
    }


def test_referrals_past_their_target_come_worst_first(models: Any) -> None:
    models.add(
        "canonical__referral_status",
        _referral("routine", "accepted", "2025-12-28T05:00:00Z"),
        _referral("urgent", "created", "2026-01-03T05:00:00Z", priority="urgent"),
        _referral("young", "created", "2026-01-03T05:00:00Z"),
        _referral("missed", "unattended", "2025-11-01", state_since="2026-01-05T05:00:00Z"),
        _referral("report", "seen", "2025-11-01", seen_at="2025-12-20T05:00:00Z"),
        _referral("done", "closed", "2025-11-01"),
    )
    rows = models.run("worklist__referral_followup", "rank, referral_key, age_days, next_action")
    assert rows == [
        (1, "report", 17, "Ask for the report of the visit"),
        (2, "routine", 9, "Book the appointment"),
        (3, "urgent", 3, "Review; accept or decline"),
    ]
    reasons = models.run("worklist__referral_followup", "reason")
    assert reasons[1] == (
        "Accepted but not booked; received on 28 Dec, 9 days ago; target is 7 days",
    )
    left_out = models.run("worklist__suppression", "subject_key, reason")
    assert sorted(left_out) == [("missed", "within_target"), ("young", "within_target")]


def test_turnover_lists_discharges_dirty_beds_and_boarders(models: Any) -> None:
    models.add(
        "canonical__bed",
        {"bed_key": "b1", "unit": "3W", "room": "301", "bed_label": "A", "state": "occupied"},
        {
            "bed_key": "b2",
            "unit": "3W",
            "room": "301",
            "bed_label": "B",
            "state": "vacated_dirty",
            "operational_status": "H",
            "vacated_at": "2026-01-05T23:00:00Z",
        },
        {"bed_key": "b3", "unit": "3W", "bed_label": "C", "state": "available"},
    )
    models.add("canonical__location", {"location_key": "ed", "unit": "ED"})
    since = {"state_since": "2026-01-06T03:00:00Z"}
    models.add(
        "canonical__visit",
        _visit("order", None, main_state="discharge_ordered", bed_key="b1", **since),  # type: ignore[arg-type]
        _visit("board", None, main_state="boarding", location_key="ed", **since),  # type: ignore[arg-type]
        _visit("lost", None, main_state="boarding", **since),  # type: ignore[arg-type]
        _visit(  # stays: expected to leave in two days
            "stay",
            None,  # type: ignore[arg-type]
            main_state="admitted",
            expected_discharge_at="2026-01-08T05:00:00Z",
            **since,
        ),
    )
    name = "worklist__discharge_and_bed_turnover"
    columns = "row_type, unit, bed, minutes_in_state, next_need, reason"
    assert sorted(models.run(name, columns)) == [
        ("bed_turnover", "3W", "B", 360, "standard clean", "Bed empty and dirty since 5 Jan 18:00"),
        (
            "boarder",
            "ED",
            None,
            120,
            "inpatient bed",
            "Admitted and waiting for a bed since 5 Jan 22:00",
        ),
        (
            "expected_discharge",
            "3W",
            "A",
            120,
            "discharge",
            "Discharge ordered since 5 Jan 22:00",
        ),
    ]
    assert models.run("worklist__suppression", "reason") == [("place_unknown",)]


def test_latency_counts_skew_and_late_entries_apart(models: Any) -> None:
    for number, recorded in enumerate(["10:02", "10:04", "09:59", None]):
        models.add(
            "canonical__visit_event",
            {
                "event_id": str(number),
                "source_system": "adt_hl7",
                "confidence": "explicit",
                "occurred_at": "2026-01-05T10:00:00Z",
                "recorded_at": recorded and f"2026-01-05T{recorded}:00Z",
            },
        )
    columns = (
        "eligible_count, valid_count, clock_skew_count, unrecorded_count, p50_minutes, max_minutes"
    )
    assert models.run("metric__message_latency", columns) == [(4, 2, 1, 1, 3.0, 4.0)]


def test_no_show_rate_by_both_methods(models: Any) -> None:
    for number, state in enumerate(["no_show", "discharged", "discharged", "cancelled"]):
        models.add(
            "canonical__visit", _visit(str(number), "2026-01-05T15:00:00Z", main_state=state)
        )
    rows = models.run("metric__no_show_rate", "method, numerator, denominator, no_show_rate")
    assert sorted(rows) == [("NHSE_DNA_share", 1, 4, 0.25), ("kept_or_missed", 1, 3, 1 / 3)]
