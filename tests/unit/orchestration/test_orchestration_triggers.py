"""What starts a night: the facility's clock, and complete deliveries not seen before."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from lakeward.core.settings import Settings
from lakeward.landing.deliveries import MARKER, land
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.definitions import build_defs
from lakeward.orchestration.schedules import nightly_schedule
from lakeward.orchestration.sensors import landing_sensor

DAY = date(2026, 1, 5)
NIGHT = [dg.AssetKey("release__canonical"), dg.AssetKey("site")]


def tick(settings: Settings, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    sensor = landing_sensor(settings, load_inventory(settings.home), NIGHT, running=False)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        result = sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def put(settings: Settings, tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text(text)
    land(settings.home.landing, "ehr_fhir", [file], DAY)


def test_a_complete_delivery_starts_its_day_once(settings: Settings, tmp_path: Path) -> None:
    put(settings, tmp_path, "1")
    first = tick(settings, None)
    assert isinstance(first, dg.SensorResult)
    assert [r.partition_key for r in first.run_requests or []] == [DAY.isoformat()]
    again = tick(settings, first.cursor)
    assert isinstance(again, dg.SkipReason)
    assert "No new complete delivery" in str(again.skip_message)


def test_changed_content_starts_it_again_under_another_key(
    settings: Settings, tmp_path: Path
) -> None:
    put(settings, tmp_path, "1")
    first = tick(settings, None)
    put(settings, tmp_path, "2")
    assert isinstance(first, dg.SensorResult)
    second = tick(settings, first.cursor)
    assert isinstance(second, dg.SensorResult)
    keys = [[r.run_key for r in result.run_requests or []] for result in (first, second)]
    assert keys[0] != keys[1]


def test_a_delivery_without_marker_starts_nothing(settings: Settings, tmp_path: Path) -> None:
    put(settings, tmp_path, "1")
    (settings.home.landing / "ehr_fhir" / DAY.isoformat() / MARKER).unlink()
    skipped = tick(settings, None)
    assert isinstance(skipped, dg.SkipReason)
    assert "1 without marker" in str(skipped.skip_message)


@pytest.mark.parametrize(
    ("fires", "day"),
    [
        (datetime(2026, 1, 6, 7, 30, tzinfo=UTC), "2026-01-05"),  # 02:30 in winter
        (datetime(2026, 7, 6, 6, 30, tzinfo=UTC), "2026-07-05"),  # 02:30 in summer
    ],
)
def test_the_schedule_runs_the_day_that_has_ended(
    settings: Settings, fires: datetime, day: str
) -> None:
    schedule = nightly_schedule(load_inventory(settings.home).facility, NIGHT, running=False)
    context = dg.build_schedule_context(scheduled_execution_time=fires)
    request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == day
    assert request.asset_selection == NIGHT


@pytest.mark.parametrize("automation", [True, False])
def test_automation_starts_running_only_when_asked(settings: Settings, automation: bool) -> None:
    defs = build_defs(settings.model_copy(update={"automation": automation}))
    states = {s.default_status.value for s in [*(defs.sensors or []), *(defs.schedules or [])]}
    assert states == {"RUNNING" if automation else "STOPPED"}
