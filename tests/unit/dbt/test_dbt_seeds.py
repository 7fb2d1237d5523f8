"""Seeds are described in `_seeds.yml` as they are: every column, and the grain."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

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
