"""Habits of the feeds change what is delivered and never what happened."""

import json
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from lakeward.simulator import FeedHabits, simulate

HABITS = [habit.name for habit in fields(FeedHabits)]
START = date(2026, 1, 5)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain")
    simulate(out, 20, 2, START, 7)
    return out


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_changes_what_is_delivered_and_not_the_truth(
    plain: Path, tmp_path: Path, habit: str
) -> None:
    simulate(tmp_path, 20, 2, START, 7, habits=FeedHabits(**{habit: True}))
    assert _files(tmp_path / "truth") == _files(plain / "truth")
    assert _files(tmp_path / "landing") != _files(plain / "landing")


def test_same_habits_give_the_same_bytes(tmp_path: Path) -> None:
    every = FeedHabits(**dict.fromkeys(HABITS, True))
    for name in ("one", "two"):
        simulate(tmp_path / name, 20, 1, START, 7, habits=every)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_nothing_is_stamped_without_stamps(tmp_path: Path) -> None:
    simulate(tmp_path, 20, 2, START, 7, habits=FeedHabits(without_stamps=True))
    exports = list((tmp_path / "landing/ehr_fhir").rglob("*.ndjson"))
    lines = [line for file in exports for line in file.read_text("utf-8").splitlines()]
    assert lines
    assert not [line for line in lines if "meta" in json.loads(line)]
    assert not list((tmp_path / "landing/ehr_fhir").rglob("manifest.json"))


def test_the_record_number_stays_beside_the_enterprise_number(tmp_path: Path) -> None:
    simulate(tmp_path, 20, 1, START, 7, habits=FeedHabits(second_identifiers=True))
    text = (tmp_path / f"landing/adt_hl7/{START}/adt.hl7").read_bytes().decode()
    numbers = [s.split("|")[3] for s in text.split("\r") if s.startswith("PID|")]
    assert numbers
    assert all("^MR~E" in number and number.endswith("^PI") for number in numbers)
