"""What the worklist and metric models say about small, hand-written hospitals."""

from datetime import date
from typing import Any

import pytest
from rendered_models import planned

from lakeward.contracts import load_contract
from lakeward.contracts.odcs import contracts_folder
from lakeward.landing.business_calendar import BusinessCalendar
from lakeward.landing.sources import Facility, Inventory

REMINDERS = "worklist__appointment_reminders"
TABLES = [
    REMINDERS,
    "worklist__referral_followup",
    "worklist__discharge_and_bed_turnover",
    "worklist__suppression",
    "worklist__criteria",
    "metric__message_latency",
    "metric__no_show_rate",
]


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
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z", location_key="l"))
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
                "time_precision": "second",
                "event_order": number,
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
        # Friday holds the weekend and Monday, of which the nearer window counts
        ("2026-01-09", [("Sat", "T+1"), ("MonNext", "T+1")]),
        ("2026-01-10", [("MonNext", "T+1")]),
        ("2026-01-11", [("MonNext", "T+1")]),
        # Monday is a holiday: Friday holds it and Tuesday
        ("2026-01-16", [("Hol", "T+1"), ("Tue20", "T+1")]),
        ("2026-01-19", [("Tue20", "T+1")]),
    ],
)
def test_windows_follow_the_calendar(
    models: Any, day: str, expected: list[tuple[str, str]]
) -> None:
    models.on(day)
    starts = {"Mon": "06", "Thu": "08", "Sat": "10", "MonNext": "12", "Hol": "19", "Tue20": "20"}
    for key, number in starts.items():
        models.add("canonical__visit", planned(key, f"2026-01-{number}T15:00:00Z"))
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
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    for name, decided, permitted in decisions:
        models.add("canonical__consent", _consent("p-1", name, decided, permitted=permitted))
    row = models.run(REMINDERS, "channel, contact, manual_because")[0]
    assert row[:2] == (channel, contact)
    assert because in row[2]


def test_permission_for_another_purpose_is_none(models: Any) -> None:
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    marketing = _consent("p-1", "sms", "2025-01-01", permitted=True) | {"purpose": "HMARKT"}
    models.add("canonical__consent", marketing)
    assert models.run(REMINDERS, "channel, contact") == [("manual", None)]


def test_permitted_without_number_is_called_by_hand(models: Any) -> None:
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
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
        models.add(
            "canonical__visit", planned(name, "2026-01-06T14:30:00Z", **states.get(name, {}))
        )
        if name != "patient_unknown":
            models.add("canonical__patient", _patient(f"p-{name}", **persons.get(name, {})))
    assert models.run(REMINDERS) == []
    assert models.left_out(REMINDERS) == sorted(
        (n, n) for n in [*states, *persons, "patient_unknown"]
    )


@pytest.mark.parametrize("day", ["2026-01-07", "2026-01-03"])
def test_visit_on_a_closed_day_is_counted_in_the_windows_ahead(models: Any, day: str) -> None:
    models.on(day)
    models.add("canonical__visit", planned("sat", "2026-01-10T15:00:00Z"))
    models.add("canonical__patient", _patient("p-sat"))
    assert models.run(REMINDERS) == []
    assert models.left_out(REMINDERS) == [("sat", "facility_closed")]


def test_the_last_list_before_a_weekend_holds_it_and_a_holiday_is_called_by_hand(
    models: Any,
) -> None:
    models.on("2026-01-16")
    for key, start in (("sat", "2026-01-17T15:00:00Z"), ("hol", "2026-01-19T15:00:00Z")):
        models.add("canonical__visit", planned(key, start))
        models.add("canonical__patient", _patient(f"p-{key}"))
        models.add("canonical__consent", _consent(f"p-{key}", "sms", "2025-01-01", permitted=True))
    rows = models.run(REMINDERS, "visit_key, channel, contact, manual_because, listed_until")
    assert rows == [
        ("sat", "sms", "+16175550100", "none", date(2026, 1, 16)),
        ("hol", "manual", None, "facility_closed", date(2026, 1, 18)),
    ]
    reasons = dict(models.run(REMINDERS, "visit_key, reason"))
    assert reasons["hol"].endswith("; contact by hand: the facility is closed that day")


def test_hours_of_beds_are_those_of_their_facility(models: Any) -> None:
    inventory = Inventory(
        facility=Facility(id="EAST", name="East", time_zone="America/New_York"),
        facilities=(Facility(id="WEST", name="West", time_zone="America/Denver"),),
        sources=(),
    )
    models.on("2026-01-05", inventory, BusinessCalendar({}, "weekends"))
    for facility in ("EAST", "WEST", "elsewhere"):
        bed = {"bed_key": facility, "facility": facility, "unit": facility, "room": "1"}
        vacated = {"state": "vacated_dirty", "vacated_at": "2026-01-05T23:00:00Z"}
        models.add("canonical__bed", bed | vacated)
    dirty = "Bed empty and dirty since 5 Jan"
    assert sorted(models.run("worklist__discharge_and_bed_turnover", "unit, reason")) == [
        ("EAST", f"{dirty} 18:00"),
        ("WEST", f"{dirty} 16:00"),
        ("elsewhere", f"{dirty} 18:00 (America/New_York)"),
    ]


def test_a_list_that_is_made_late_leaves_out_what_has_begun(models: Any) -> None:
    starts = {"before": "14:29", "now": "14:30", "after": "15:00"}
    for key, start in starts.items():
        models.add("canonical__visit", planned(key, f"2026-01-06T{start}:00Z"))
    for key, day in (("today", "06"), ("over", "05")):
        # a start without a time: midnight of the day, over when the day is
        midnight = f"2026-01-{day}T05:00:00Z"
        models.add("canonical__visit", planned(key, midnight, scheduled_start_precision="day"))
    for key in (*starts, "today", "over"):
        models.add("canonical__patient", _patient(f"p-{key}"))
    models.variables["made_at"] = "2026-01-06T14:30:00Z"
    assert sorted(models.run(REMINDERS, "visit_key")) == [("after",), ("now",), ("today",)]
    assert models.left_out(REMINDERS) == [("before", "already_past")]


def test_each_facility_has_its_own_clock_and_calendar(models: Any) -> None:
    inventory = Inventory(
        facility=Facility(id="EAST", name="East", time_zone="America/New_York"),
        facilities=(Facility(id="WEST", name="West", time_zone="America/Denver", codes=("W1",)),),
        sources=(),
    )
    calendar = BusinessCalendar({("WEST", "date", "2026-01-06"): False}, "home")
    models.on("2026-01-05", inventory, calendar)
    # the same instant is Tuesday 00:30 in the east and Monday 22:30 in the west
    starts = {"late": "2026-01-06T05:30:00Z", "noon": "2026-01-06T17:00:00Z"}
    for code in ("EAST", "W1", "elsewhere"):
        models.add("canonical__location", {"location_key": code, "facility": code})
        for name, start in starts.items():
            key = f"{code}-{name}"
            models.add("canonical__visit", planned(key, start, location_key=code))
            models.add("canonical__patient", _patient(f"p-{key}"))
    rows = models.run(REMINDERS, "visit_key, facility, local_date, local_time, tz, manual_because")
    tuesday = date(2026, 1, 6)
    east, west = "America/New_York", "America/Denver"
    assert sorted(rows) == [
        ("EAST-late", "EAST", tuesday, "00:30", east, "permission_unknown"),
        ("EAST-noon", "EAST", tuesday, "12:00", east, "permission_unknown"),
        ("W1-noon", "WEST", tuesday, "10:00", west, "facility_closed"),
    ]
    left_out = models.left_out(REMINDERS)
    assert sorted(left_out) == [
        ("elsewhere-late", "facility_unknown"),
        ("elsewhere-noon", "facility_unknown"),
    ]


@pytest.mark.parametrize(
    ("stated", "dialled"),
    [
        ("+16175550100", "+16175550100"),
        ("+442071838750", "+442071838750"),
        # what staging could not make a number of is text, which nobody dials
        ("(617) 555-0100", None),
        ("617-555-0100 or 617-555-0101", None),
        ("none", None),
        ("12345", None),
    ],
)
def test_numbers_leave_as_e164_or_not_at_all(models: Any, stated: str, dialled: str | None) -> None:
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1", phone_mobile=stated, phone_home=None))
    models.add("canonical__consent", _consent("p-1", "sms", "2025-01-01", permitted=True))
    assert models.run(REMINDERS, "contact") == [(dialled,)]


@pytest.mark.parametrize("kind", ["phone_mobile", "phone_home"])
def test_an_extension_stands_apart_and_gets_no_text_message(models: Any, kind: str) -> None:
    numbers = {"phone_mobile": None, "phone_home": None, "email": None}
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1", **numbers | {kind: "+16175550100;ext=12"}))
    models.add("canonical__consent", _consent("p-1", "any", "2025-01-01", permitted=True))
    columns = "channel, contact, contact_extension"
    assert models.run(REMINDERS, columns) == [("phone", "+16175550100", "12")]


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
    left_out = models.left_out("referral_followup")
    assert sorted(left_out) == [("missed", "within_target"), ("young", "within_target")]


@pytest.mark.parametrize(
    ("permitted", "found"),
    [(True, ("sms", "+16175550100", True)), (False, ("manual", None, False))],
)
def test_the_referral_desk_gets_who_it_is_and_a_number_only_by_permission(
    models: Any, permitted: bool, found: tuple[str, str | None, bool]
) -> None:
    models.add("canonical__patient", _patient("p-1") | {"family_name": "Byron", "mrn": "0042"})
    models.add("canonical__consent", _consent("p-1", "sms", "2025-01-01", permitted=permitted))
    models.add(
        "canonical__referral_status",
        _referral("r", "accepted", "2025-12-20T05:00:00Z", patient_key="p-1"),
    )
    columns = "patient_name, mrn, contact_channel, contact, contact_permitted"
    name, mrn, *contact = models.run("worklist__referral_followup", columns)[0]
    assert name.startswith("Byron, Ada")
    assert mrn == "0042"
    assert tuple(contact) == found


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
        planned("order", None, main_state="discharge_ordered", bed_key="b1", **since),  # type: ignore[arg-type]
        planned("board", None, main_state="boarding", location_key="ed", **since),  # type: ignore[arg-type]
        planned("lost", None, main_state="boarding", **since),  # type: ignore[arg-type]
        planned(  # stays: expected to leave in two days
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


def test_turnover_says_what_nobody_states(models: Any) -> None:
    """Unknown beds come last; what is overdue says so."""
    bed = {"unit": "3W", "room": "301", "state": "unknown", "state_reason": "status_not_reported"}
    models.add(
        "canonical__bed",
        {"bed_key": "b1", "bed_label": "A", **bed, "vacated_at": "2026-01-03T23:00:00Z"},
        {
            "bed_key": "b2",
            "bed_label": "B",
            **bed,
            "state_reason": "departure_not_stated",
            "state_since": "2026-01-02T23:00:00Z",
        },
        {"bed_key": "b3", "bed_label": "C", **bed, "state_reason": "nothing_stated"},
        {"bed_key": "b4", "unit": "3W", "bed_label": "D", "state": "occupied"},
    )
    models.add(
        "canonical__visit",
        planned(
            "1",
            None,  # type: ignore[arg-type]
            main_state="admitted",
            bed_key="b4",
            expected_discharge_at="2026-01-04T15:00:00Z",
            quality_flags=["discharge_overdue", "no_news"],
        ),
    )
    columns = "bed, next_need, reason"
    assert models.run("worklist__discharge_and_bed_turnover", columns) == [
        (
            "D",
            "discharge",
            "Discharge expected, overdue since 4 Jan 10:00; no news of the stay lately",
        ),
        (
            "B",
            "check of the bed",
            "Stay ended without a discharge; bed not known to be free since 2 Jan 18:00",
        ),
        (
            "A",
            "check of the bed",
            "Bed empty; status not reported since departure 3 Jan 18:00",
        ),
    ]


def test_a_change_that_does_not_count_gives_no_reason(models: Any) -> None:
    models.add("canonical__visit", planned("1", "2026-01-06T14:30:00Z"))
    models.add("canonical__patient", _patient("p-1"))
    for kind, number, flags in [("booked", 1, []), ("rescheduled", 7, ["outranked"])]:
        models.add(
            "canonical__visit_event",
            {
                "event_id": kind,
                "visit_key": "1",
                "event_type": f"appointment_{kind}",
                "occurred_at": f"2026-01-0{number % 5}T15:00:00Z",
                "time_precision": "second",
                "event_order": number,
                "quality_flags": flags,
                "source_ref": f"scheduling_hl7/2026-01-05/siu.hl7#{number}",
            },
        )
    assert models.run(REMINDERS, "source_ref") == [("scheduling_hl7/2026-01-05/siu.hl7#1",)]
    assert "booked" in models.run(REMINDERS, "reason")[0][0]


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
            "canonical__visit", planned(str(number), "2026-01-05T15:00:00Z", main_state=state)
        )
    rows = models.run("metric__no_show_rate", "method, numerator, denominator, no_show_rate")
    assert sorted(rows) == [("NHSE_DNA_share", 1, 4, 0.25), ("kept_or_missed", 1, 3, 1 / 3)]


def test_no_show_rate_counts_what_is_inferred_apart(models: Any) -> None:
    states: list[tuple[str, list[str]]] = [
        ("no_show", []),
        ("no_show", ["state_inferred"]),
        ("closed", ["state_inferred"]),
        ("closed", ["state_inferred", "no_outcome"]),
    ]
    for number, (state, flags) in enumerate(states):
        visit = planned(str(number), "2026-01-05T15:00:00Z", main_state=state, quality_flags=flags)
        models.add("canonical__visit", visit)
    columns = "method, numerator, inferred_count, attended_count, open_count, booked_count"
    rows = models.run("metric__no_show_rate", columns)
    assert sorted(rows) == [("NHSE_DNA_share", 2, 1, 1, 1, 4), ("kept_or_missed", 2, 1, 1, 1, 4)]
