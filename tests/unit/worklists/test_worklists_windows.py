"""Reminder windows over any calendar: the models' SQL against a plain reading of the rule."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rendered_models import Models

from lakeward.contracts import load_contract
from lakeward.contracts.odcs import contracts_folder
from lakeward.landing.business_calendar import BusinessCalendar
from lakeward.landing.sources import Facility, Inventory
from lakeward.worklists.changes import Known, changes_since
from lakeward.worklists.rows import plain

ZONE = ZoneInfo("America/New_York")
HERE = Inventory(facility=Facility(id="H", name="Here", time_zone=str(ZONE)), sources=())
COLUMNS = ("row_id", "action", "rank", "tier")
# the clocks change on 8 March and on 1 November: both lie in the middle of a period
STARTS = st.sampled_from([date(2026, 3, 2), date(2026, 10, 26), date(2026, 12, 21)])
LENGTH = 14
RULES = st.fixed_dictionaries(
    {
        "weekdays": st.dictionaries(st.integers(1, 7), st.booleans(), max_size=4),
        "dates": st.dictionaries(st.integers(0, LENGTH + 7), st.booleans(), max_size=6),
    }
)
SLOW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _calendar(first: date, rules: Mapping[str, Mapping[int, bool]]) -> BusinessCalendar:
    weekdays = {("H", "weekday", str(n)): o for n, o in rules["weekdays"].items()}
    dates = {
        ("H", "date", (first + timedelta(days=n)).isoformat()): o for n, o in rules["dates"].items()
    }
    return BusinessCalendar(weekdays | dates, "home")


def _windows(models: Models, calendar: BusinessCalendar, day: date) -> dict[date, str]:
    models.on(day.isoformat(), HERE, calendar)
    return dict(models.run("int__reminder_window", "local_date, tier"))


def _expected(calendar: BusinessCalendar, day: date) -> dict[date, str]:
    """The rule as people say it."""
    ahead = {day + timedelta(days=3): "T+3", day + timedelta(days=7): "T+7"}
    following = day
    for _ in range(31):
        following += timedelta(days=1)
        ahead[following] = "T+1"
        if calendar.on("H", following).is_working:
            break
    return ahead


@SLOW
@given(first=STARTS, rules=RULES)
def test_windows_are_the_rule_as_people_say_it(
    models: Models, first: date, rules: dict[str, dict[int, bool]]
) -> None:
    calendar = _calendar(first, rules)
    for number in range(LENGTH):
        day = first + timedelta(days=number)
        assert _windows(models, calendar, day) == _expected(calendar, day)


@SLOW
@given(first=STARTS, rules=RULES, every_day=st.booleans())
def test_no_day_falls_between_the_lists_of_consecutive_list_days(
    models: Models, first: date, rules: dict[str, dict[int, bool]], *, every_day: bool
) -> None:
    calendar = _calendar(first, rules)
    held: set[date] = set()
    list_days = [
        day
        for day in (first + timedelta(days=n) for n in range(LENGTH))
        if every_day or day == first or calendar.on("H", day).is_working
    ]
    for day in list_days:
        windows = _windows(models, calendar, day)
        held |= {each for each, tier in windows.items() if tier == "T+1"}
    days = {first + timedelta(days=n) for n in range(1, LENGTH)}
    # a list a day, or one on each working day: both hold each day before it comes
    assert days <= held


@pytest.mark.parametrize("first", [date(2026, 3, 2), date(2026, 10, 26)])
def test_each_appointment_is_delivered_once_in_each_tier_and_before_its_day(
    models: Models, first: date
) -> None:
    """Appointments at every odd hour, midnight and the hours of clock changes among them."""
    for hour in range(0, 24 * LENGTH, 3):
        start = datetime.combine(first, time(0), ZONE).astimezone(UTC) + timedelta(hours=hour)
        models.add(
            "canonical__visit",
            {
                "visit_key": f"{hour:03}",
                "patient_key": "p",
                "scheduled_start_at": start,
                "main_state": "scheduled",
                "source_ref": "s/2026-01-01/a#1",
            },
        )
    models.add("canonical__patient", {"patient_key": "p", "given_names": "Ada"})
    terms = load_contract(contracts_folder() / "worklist__appointment_reminders.odcs.yaml").terms
    calendar = BusinessCalendar({}, "weekends")
    known, delivered = Known(), Counter[tuple[str, str]]()
    for number in range(LENGTH):
        day = first + timedelta(days=number)
        models.on(day.isoformat(), HERE, calendar)
        rows = [
            {"row_id": key, "rank": rank, "tier": tier, "listed_until": plain(until, ZONE)}
            for key, rank, tier, until, local in models.run(
                "worklist__appointment_reminders", "visit_key, rank, tier, listed_until, local_date"
            )
            if local > day
        ]
        known = known.on_a_later_day(day, terms, is_withdrawn=False)
        made = changes_since(known, rows, COLUMNS, terms)
        assert {row["action"] for row in made.listed} <= {"new"}
        delivered.update((str(row["row_id"]), str(row["tier"])) for row in made.listed)
        known = Known(made.listed, made.earlier)
    assert set(delivered.values()) == {1}
    last = datetime.combine(first + timedelta(days=LENGTH), time(0), ZONE).astimezone(UTC)
    tomorrow = datetime.combine(first + timedelta(days=1), time(0), ZONE).astimezone(UTC)
    for hour in range(0, 24 * LENGTH, 3):
        start = datetime.combine(first, time(0), ZONE).astimezone(UTC) + timedelta(hours=hour)
        if tomorrow <= start < last:
            assert delivered[f"{hour:03}", "T+1"] == 1, hour


def test_a_calendar_without_working_days_looks_a_month_ahead(models: Any) -> None:
    closed = BusinessCalendar({("H", "weekday", str(n)): False for n in range(1, 8)}, "home")
    windows = _windows(models, closed, date(2026, 3, 2))
    assert set(windows.values()) == {"T+1"}
    assert max(windows) == date(2026, 4, 2)
