"""The small parts: clock, escapes, identifiers, chance."""

import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from lakeward.simulator import simulate
from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.facility_clock import FacilityClock, next_working_day, working_day
from lakeward.simulator.hl7_segments import escaped, segment
from lakeward.simulator.hospital import build_hospital
from lakeward.simulator.stage import open_story, simulate_day

NEW_YORK = FacilityClock(ZoneInfo("America/New_York"))


def test_clock_moves_out_of_the_repeated_hour() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    assert NEW_YORK.unambiguous(first) == first
    assert NEW_YORK.hl7(NEW_YORK.unambiguous(second)) == "20261101020000"


def test_clock_formats_local_time() -> None:
    at = NEW_YORK.at(date(2026, 3, 9), 510)
    assert NEW_YORK.hl7(at) == "20260309083000"
    assert NEW_YORK.fhir(at) == "2026-03-09T08:30:00-04:00"
    assert NEW_YORK.day(at) == date(2026, 3, 9)
    assert NEW_YORK.hl7(None) == ""


def test_working_days() -> None:
    assert working_day(date(2026, 1, 10)) == date(2026, 1, 12)
    assert next_working_day(date(2026, 1, 9)) == date(2026, 1, 12)
    assert next_working_day(date(2026, 1, 5)) == date(2026, 1, 6)


def test_escapes() -> None:
    assert escaped("a|b^c&d~e\\f") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"
    assert segment("ZZZ", {3: "x", 1: "y"}) == "ZZZ|y||x"


def test_npi_has_its_check_digit() -> None:
    for doctor in build_hospital(Random(1), 300).practitioners.values():
        digits = [int(d) for d in "80840" + doctor.npi]
        doubled = [d * 2 if i % 2 else d for i, d in enumerate(reversed(digits))]
        assert sum(d // 10 + d % 10 for d in doubled) % 10 == 0


def test_hospital_grows_with_its_patients() -> None:
    small, large = build_hospital(Random(1), 300), build_hospital(Random(1), 4000)
    assert len(small.ward_beds) == 40
    assert len(large.ward_beds) == 400


def test_one_in_says_yes_once_a_block() -> None:
    story = open_story(1, date(2026, 1, 5), 1, "UTC")
    answers = [story.one_in("x", 10) for _ in range(100)]
    assert [sum(answers[n : n + 10]) for n in range(0, 100, 10)] == [1] * 10


def test_events_are_numbered_in_order_of_time_across_a_clock_change() -> None:
    start = date(2026, 10, 31)
    story = open_story(60, start, 2, "America/New_York")
    events: list[Event] = []
    story.listeners.append(events.append)
    for offset in range(3):
        simulate_day(story, start + timedelta(days=offset))
    assert [e.number for e in events] == list(range(1, len(events) + 1))
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert len({e.kind for e in events}) == len(type(events[0].kind))


def _story(*, facts: bool) -> list[Event]:
    start = date(2026, 1, 5)
    story = open_story(40, start, 3, "America/New_York")
    if not facts:
        story.listeners.clear()
    events: list[Event] = []
    story.listeners.append(events.append)
    simulate_day(story, start)
    return events


def test_what_is_known_beside_the_story_leaves_it_as_it_is() -> None:
    def happened(events: list[Event]) -> list[tuple[object, ...]]:
        beside = (EventKind.FACT_STATED, EventKind.FACT_CHANGED)
        return [
            (e.at, e.kind, e.patient, e.visit, e.appointment, e.order, e.location, e.code, e.when)
            for e in events
            if e.kind not in beside
        ]

    whole = _story(facts=True)
    assert len(happened(whole)) < len(whole)
    assert happened(whole) == happened(_story(facts=False))


def test_twenty_patients_are_quick(tmp_path: Path) -> None:
    began = time.process_time()
    simulate(tmp_path, 20, 3, date(2026, 1, 5), 7)
    assert time.process_time() - began < 2


def test_hash_seed_does_not_matter(tmp_path: Path) -> None:
    code = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from lakeward.simulator import simulate\n"
        "simulate(Path(sys.argv[1]), 10, 1, date(2026, 1, 5), 7)"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed})
    files = [p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*") if p.is_file()]
    assert files
    assert all(
        (tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files
    )
