"""Deliveries that should have come and did not."""

from datetime import date, timedelta

import dagster as dg
import pytest

from lakeward.assets.home import LakewardHome
from lakeward.assets.landing import REGISTERED, _arrived, _readable, delivery_assets
from lakeward.assets.raw import raw_assets
from lakeward.core.paths import Home
from lakeward.landing.deliveries import MARKER, Delivery
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.jobs import daily_partitions

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


def test_a_packed_file_is_named_for_a_month(tmp_path):
    source = load_inventory(Home(tmp_path)).source("adt_hl7")
    packed = tmp_path / "export.zip"
    packed.write_bytes(b"PK\x03\x04")
    delivery = Delivery("adt_hl7", DAY, (packed,))
    result = _readable(source, [delivery], DAY + timedelta(days=30))
    assert not result.passed
    assert result.description == "not read: 2026-03-10: export.zip (delivered as zip)"
    assert _readable(source, [delivery], DAY + timedelta(days=31)).passed


def test_a_day_without_delivery_is_not_materialized_and_loading_goes_on(tmp_path):
    home = Home(tmp_path)
    inventory = load_inventory(home)
    folder = home.landing / "adt_hl7" / DAY.isoformat()
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    days = daily_partitions(inventory.facility)
    done = dg.materialize(
        [delivery_assets(inventory, days), *raw_assets(inventory)],
        partition_key=DAY.isoformat(),
        resources={"home": LakewardHome(root=str(tmp_path))},
        instance=dg.DagsterInstance.ephemeral(),
    )
    assert done.success
    keys = {e.asset_key.to_user_string() for e in done.get_asset_materialization_events()}
    assert {key for key in keys if key.startswith("delivery__")} == {"delivery__adt_hl7"}
    assert {REGISTERED, "raw_fhir__resource", "raw_hl7v2__message"} <= keys
