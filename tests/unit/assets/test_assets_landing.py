"""Deliveries that should have come and did not."""

from datetime import date, timedelta

import pytest

from lakeward.assets.landing import _arrived
from lakeward.core.paths import Home
from lakeward.landing.sources import load_inventory

DAY = date(2026, 3, 10)


def arrived(tmp_path, cadence: str, *days_ago: int):
    source = load_inventory(Home(tmp_path)).source("adt_hl7")
    source = source.model_copy(update={"cadence": cadence})
    days = sorted(DAY - timedelta(days=n) for n in days_ago)
    result = _arrived(source, days, DAY)
    holes = result.metadata["days_without_delivery"].value
    return result.passed, [(DAY - date.fromisoformat(day)).days for day in holes]


@pytest.mark.parametrize(
    ("cadence", "days_ago", "passed", "holes"),
    [
        ("daily", (0, 1, 2), True, []),
        ("daily", (1, 2), False, [0]),
        ("daily", (0, 3), True, [2, 1]),
        ("hourly", (1,), False, [0]),
        ("weekly", (3,), True, []),
        ("weekly", (8,), False, [1, 0]),
        ("daily", (), False, []),
    ],
)
def test_a_missing_delivery_is_a_hole(tmp_path, cadence, days_ago, passed, holes):
    assert arrived(tmp_path, cadence, *days_ago) == (passed, holes)


def test_holes_are_listed_for_a_month(tmp_path):
    passed, holes = arrived(tmp_path, "daily", 400)
    assert not passed
    assert holes == list(range(30, -1, -1))
