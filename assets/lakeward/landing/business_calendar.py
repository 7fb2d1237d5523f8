"""The business calendar: on which days a facility works, as its home says.

A home with an inventory of its own has its own `calendar.csv`, or none: then weekends are closed,
no holiday is known, and whoever runs it is warned. The packaged calendar is that of the demo
hospital and counts for its packaged inventory alone. Which windows follow from working days is SQL.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from io import StringIO
from typing import Literal

from lakeward.core.errors import SpecError
from lakeward.core.paths import Home
from lakeward.landing.sources import Facility, Inventory, has_own_inventory

FILE = "calendar.csv"
COLUMNS = ("facility_id", "rule", "value", "is_open", "name")
LEAST_DAYS, MOST_DAYS = 7, 31
"""Days ahead that are looked at: a week at least, then up to the next working day."""
_HORIZON = timedelta(days=366)
_SATURDAY = 6


@dataclass(frozen=True)
class CalendarDay:
    """One day of a facility: whether it works, and whether a rule for that very date closes it."""

    day: date
    is_working: bool
    is_closed_by_date: bool


@dataclass(frozen=True)
class BusinessCalendar:
    """Rules by facility, kind and value; a rule for a date beats that for its weekday.

    A weekday without a rule is a working day from Monday to Friday.
    """

    rules: Mapping[tuple[str, str, str], bool]
    origin: Literal["home", "demo", "weekends"]

    def on(self, facility_id: str, day: date) -> CalendarDay:
        """Look up one day."""
        by_date = self.rules.get((facility_id, "date", day.isoformat()))
        weekday = day.isoweekday()
        by_weekday = self.rules.get((facility_id, "weekday", str(weekday)), weekday < _SATURDAY)
        return CalendarDay(day, by_weekday if by_date is None else by_date, by_date is False)

    def ahead(self, facility_id: str, day: date) -> list[CalendarDay]:
        """List the days after a day: a week, and as many more as the next working day needs."""
        days: list[CalendarDay] = []
        while len(days) < LEAST_DAYS or not any(each.is_working for each in days):
            if len(days) == MOST_DAYS:
                break
            days.append(self.on(facility_id, day + timedelta(days=len(days) + 1)))
        return days

    def warnings(self, facility: Facility, day: date) -> Iterator[str]:
        """Yield what is missing for a facility on a day, in a line that people read."""
        where = f"calendar of {facility.id}"
        dates = [v for f, rule, v in self.rules if f == facility.id and rule == "date"]
        if self.origin == "weekends":
            yield f"{where}: none; only weekends count as closed; write `{FILE}` into the home"
        elif not any(day.isoformat() < v <= (day + _HORIZON).isoformat() for v in dates):
            yield f"{where}: names no date in the year ahead; add the holidays to `{FILE}`"
        if not any(each.is_working for each in self.ahead(facility.id, day)):
            yield f"{where}: no working day in {MOST_DAYS} days; reminders look no further ahead"


def load_calendar(home: Home, inventory: Inventory) -> BusinessCalendar:
    """Read the calendar of a home.

    Raises:
        SpecError: The file is no calendar, or names a facility that the inventory does not.
    """
    own = home.root / FILE
    if own.is_file():
        # whatever wrote it: spreadsheets begin with a byte order mark
        return BusinessCalendar(_rules(own.read_text(encoding="utf-8-sig"), inventory), "home")
    if has_own_inventory(home):
        return BusinessCalendar({}, "weekends")
    packaged = resources.files("lakeward.landing").joinpath(FILE).read_text(encoding="utf-8")
    return BusinessCalendar(_rules(packaged, inventory), "demo")


def calendar_warnings(home: Home, inventory: Inventory, day: date) -> tuple[str, ...]:
    """List what is missing for the days after a day, one line each, of all facilities."""
    calendar = load_calendar(home, inventory)
    return tuple(line for each in inventory.all_facilities for line in calendar.warnings(each, day))


def _rules(text: str, inventory: Inventory) -> dict[tuple[str, str, str], bool]:
    known = {each.id for each in inventory.all_facilities}
    reader = csv.DictReader(StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise SpecError(FILE, "its first line is another one", ",".join(COLUMNS))
    rules: dict[tuple[str, str, str], bool] = {}
    for number, row in enumerate(reader, start=2):
        where = f"{FILE} line {number}"
        facility, rule, value = (str(row[name] or "").strip() for name in COLUMNS[:3])
        if facility not in known:
            raise SpecError(
                where, "its facility is not in sources.yaml", " or ".join(sorted(known))
            )
        if not _is_value(rule, value):
            raise SpecError(where, "no weekday and no date", "weekday,1 to 7 or date,YYYY-MM-DD")
        is_open = str(row["is_open"] or "").strip().lower()
        if is_open not in ("true", "false"):
            raise SpecError(where, "is_open is neither", "true or false")
        if (facility, rule, value) in rules:
            raise SpecError(where, "repeats an earlier rule", "one rule for a day")
        rules[facility, rule, value] = is_open == "true"
    return rules


def _is_value(rule: str, value: str) -> bool:
    if rule == "weekday":
        return value in tuple("1234567")
    try:
        # the text itself is compared with days later on: 20260105 would never be found
        return rule == "date" and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
