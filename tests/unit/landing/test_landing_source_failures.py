"""A failure stays on record until its step passes, with the day since which it lasts."""

from datetime import date

from lakeward.lake.tables import Lake, newest_version
from lakeward.landing.source_failures import (
    SOURCE_FAILURE,
    enter_failures,
    failure,
    source_failures,
)

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def test_a_failure_lasts_until_its_step_passes(lake: Lake) -> None:
    assert source_failures(lake) == []
    enter_failures(lake, "load", ["a", "b"], [failure("load", MONDAY, "disk", "a")])
    enter_failures(lake, "flatten", ["a"], [failure("flatten", MONDAY, "poison", "a", "fhir__x")])
    (lasting,) = enter_failures(lake, "load", ["a"], [failure("load", TUESDAY, "still", "a")])
    assert (lasting.since, lasting.day, lasting.cause) == (MONDAY, TUESDAY, "still")
    assert str(lasting) == "a (load, since 2026-01-05): still"
    enter_failures(lake, "load", ["b"], [])  # another source says nothing of this one
    assert [(f.step, f.source, f.flat_table) for f in source_failures(lake)] == [
        ("flatten", "a", "fhir__x"),
        ("load", "a", ""),
    ]
    enter_failures(lake, "load", ["a", "b"], [])
    assert [str(f) for f in source_failures(lake)] == [
        "a in fhir__x (flatten, since 2026-01-05): poison"
    ]


def test_a_failure_that_comes_back_is_new(lake: Lake) -> None:
    for day, found in ((MONDAY, True), (MONDAY, False), (TUESDAY, True)):
        enter_failures(lake, "load", ["a"], [failure("load", day, "x", "a")] if found else [])
    assert source_failures(lake)[0].since == TUESDAY


def test_two_records_can_keep_one_table_back(lake: Lake) -> None:
    found = [failure("flatten", MONDAY, cause, "a", "fhir__x") for cause in ("one", "two")]
    assert len(enter_failures(lake, "flatten", ["a"], found)) == 1


def test_a_night_without_failures_makes_no_commit(lake: Lake) -> None:
    enter_failures(lake, "load", ["a"], [])
    before = newest_version(lake, SOURCE_FAILURE.name)
    enter_failures(lake, "load", ["a"], [])
    assert newest_version(lake, SOURCE_FAILURE.name) == before
