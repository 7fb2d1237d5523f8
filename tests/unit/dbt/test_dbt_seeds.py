"""Seeds are described in `_seeds.yml` as they are: every column, and the grain."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakeward.contracts import load_contracts
from lakeward.contracts.rule_types.outside_set import OutsideSet

SEEDS = Path(__file__).resolve().parents[3] / "dbt_project" / "seeds"
FILES = sorted(path.stem for path in SEEDS.glob("*.csv"))
DESCRIBED: dict[str, dict[str, Any]] = {
    seed["name"]: seed for seed in yaml.safe_load((SEEDS / "_seeds.yml").read_text())["seeds"]
}


def _rows(seed: str) -> list[dict[str, str]]:
    with (SEEDS / f"{seed}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_seed_is_described_and_no_other() -> None:
    assert sorted(DESCRIBED) == FILES


@pytest.mark.parametrize("seed", FILES)
def test_columns_are_described_in_their_order(seed: str) -> None:
    columns = DESCRIBED[seed]["columns"]
    assert [column["name"] for column in columns] == list(_rows(seed)[0])
    assert all(column["description"] for column in columns)


@pytest.mark.parametrize("seed", FILES)
def test_the_grain_identifies_a_row(seed: str) -> None:
    grain = DESCRIBED[seed]["config"]["meta"]["grain"]
    counts = Counter(tuple(row[column] for column in grain) for row in _rows(seed))
    assert [key for key, count in counts.items() if count > 1] == []


def test_events_are_the_same_in_triggers_event_types_and_contract() -> None:
    # an event that the contract lacks would hold the release on the first night that has one
    types = [row["event_type"] for row in _rows("event_type")]
    # a bed status is an event for each status: bed_dirty, bed_clean, …
    rows = [row for row in _rows("trigger_event") if row["effect"] != "bed"]
    triggered = {row["event_type"] for row in rows} - {""}
    contract = load_contracts()["canonical__visit_event"]
    (known,) = [rule.check for rule in contract.rules if rule.id == "event_type_known"]
    assert isinstance(known, OutsideSet)
    assert triggered <= set(types)
    assert sorted(types) == sorted(known.values)


def test_every_type_of_event_says_who_may_see_it() -> None:
    # a value that the contract lacks would hold the release, as an unknown type would
    contract = load_contracts()["canonical__visit_event"]
    (known,) = [rule.check for rule in contract.rules if rule.id == "visibility_known"]
    assert isinstance(known, OutsideSet)
    assert {row["visibility"] for row in _rows("event_type")} == set(known.values)
    assert {row["bears_phi"] for row in _rows("event_type")} == {"true", "false"}


def test_what_moves_a_visit_or_a_person_bears_health_information() -> None:
    without = {row["region"] for row in _rows("event_type") if row["bears_phi"] == "false"}
    assert without == {"bed", "slot"}
