"""The business calendar is the home's own; the demo's holidays are nobody else's."""

from datetime import date, timedelta

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.settings import Settings
from lakeward.landing.business_calendar import FILE, calendar_warnings, load_calendar
from lakeward.landing.sources import load_inventory

OWN = "facility: {id: H1, name: Elsewhere, time_zone: Europe/Berlin}\nsources: []\n"
HEAD = "facility_id,rule,value,is_open,name\n"
FRIDAY = date(2026, 4, 3)


def _home(settings: Settings, calendar: str | None, inventory: str | None = OWN) -> Settings:
    settings.home.root.mkdir(parents=True)
    for name, text in (("sources.yaml", inventory), (FILE, calendar)):
        if text is not None:
            (settings.home.root / name).write_text(text)
    return settings


def test_the_demo_has_its_holidays_and_no_warning(settings: Settings) -> None:
    inventory = load_inventory(settings.home)
    calendar = load_calendar(settings.home, inventory)
    assert calendar.origin == "demo"
    assert not calendar.on("LKWD", date(2026, 12, 25)).is_working
    assert calendar_warnings(settings.home, inventory, FRIDAY) == ()


def test_another_hospital_without_calendar_closes_at_weekends_and_is_warned(
    settings: Settings,
) -> None:
    home = _home(settings, None).home
    inventory = load_inventory(home)
    calendar = load_calendar(home, inventory)
    working = [calendar.on("H1", FRIDAY + timedelta(days=n)).is_working for n in range(4)]
    assert working == [True, False, False, True]
    assert calendar.on("H1", date(2026, 12, 25)).is_working
    (warning,) = calendar_warnings(home, inventory, FRIDAY)
    assert warning.startswith("calendar of H1: none; only weekends count as closed")


def test_a_rule_for_a_date_beats_its_weekday(settings: Settings) -> None:
    rules = "H1,date,2026-04-06,false,Easter Monday\nH1,weekday,6,true,Saturday\n"
    home = _home(settings, "\ufeff" + HEAD + rules).home
    calendar = load_calendar(home, load_inventory(home))
    saturday, sunday, monday = (calendar.on("H1", FRIDAY + timedelta(days=n)) for n in (1, 2, 3))
    assert (saturday.is_working, sunday.is_working) == (True, False)
    assert (monday.is_working, monday.is_closed_by_date) == (False, True)
    assert not sunday.is_closed_by_date


def test_a_calendar_that_has_run_out_is_reported(settings: Settings) -> None:
    home = _home(settings, HEAD + "H1,date,2025-12-25,false,Christmas Day\n").home
    (warning,) = calendar_warnings(home, load_inventory(home), FRIDAY)
    assert "names no date in the year ahead" in warning


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("day,open\n", "first line"),
        (HEAD + "LKWD,weekday,1,true,Monday\n", "line 2: its facility is not in sources.yaml"),
        (HEAD + "H1,weekday,8,true,Monday\n", "no weekday and no date"),
        (HEAD + "H1,date,20261225,false,Christmas\n", "no weekday and no date"),
        (HEAD + "H1,date,2026-12-25,closed,Christmas\n", "is_open is neither"),
        (HEAD + "H1,weekday,1,true,a\nH1,weekday,1,false,b\n", "line 3: repeats"),
    ],
)
def test_a_calendar_with_a_mistake_is_rejected(settings: Settings, text: str, problem: str) -> None:
    home = _home(settings, text).home
    with pytest.raises(SpecError, match=problem):
        load_calendar(home, load_inventory(home))
