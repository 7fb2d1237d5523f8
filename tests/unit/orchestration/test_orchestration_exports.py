"""What begins and advances exports: the sensor asks, a run fetches, nobody waits."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from bulk_server import Scripted, outcome
from lakeward.assets.bulk import export_assets
from lakeward.core.settings import Settings
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.definitions import build_defs
from lakeward.orchestration.exports import EXPORT, day_to_export, export_sensors
from lakeward.orchestration.jobs import NIGHTLY, daily_partitions

Make = Callable[..., Any]


def tick(hospital: Any) -> dg.SensorResult | dg.SkipReason:
    inventory = load_inventory(hospital.settings.home)
    (sensor,) = export_sensors(hospital.settings, inventory, hospital.clock, running=False)
    with dg.DagsterInstance.ephemeral() as instance:
        result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def run(hospital: Any, day: str) -> dg.ExecuteInProcessResult:
    home = hospital.settings.home
    inventory = load_inventory(home)
    days = daily_partitions(inventory.facility)
    (asset,) = export_assets(home, inventory, days, lambda: hospital.clock)
    return dg.materialize([asset], partition_key=day, raise_on_error=False)


def test_the_sensor_asks_and_a_run_fetches(hospital: Make) -> None:
    one = hospital(auth=True, busy=2, retry_after="120")
    one.write_inventory()
    skipped_because = []
    for _ in range(8):
        result = tick(one)
        if isinstance(result, dg.SensorResult):
            break
        skipped_because.append(str(result.skip_message))
        one.time.sleep(60)
    assert isinstance(result, dg.SensorResult), skipped_because
    assert "kick_off done" in skipped_because[0]
    assert "poll done" in skipped_because[1]
    assert "waits until 2026-01-05 06:03:00 UTC" in skipped_because[2]
    assert len(one.server.of("kickoff")) == 1
    assert not one.server.of("file")
    (request,) = result.run_requests or []
    assert request.partition_key == "2026-01-04"  # the day that has ended
    assert request.tags["source"] == "ehr_fhir"
    done = run(one, "2026-01-04")
    assert done.success
    (event,) = done.asset_materializations_for_node("export_ehr_fhir")
    assert event.metadata["files"].value == 2
    assert one.is_landed()
    skipped = tick(one)
    assert isinstance(skipped, dg.SkipReason)
    assert "complete, next day not due yet" in str(skipped.skip_message)


def test_a_run_that_would_have_to_wait_ends_without_a_result(hospital: Make) -> None:
    one = hospital(busy=1)
    one.write_inventory()
    done = run(one, "2026-01-04")
    assert done.success
    assert not done.asset_materializations_for_node("export_ehr_fhir")
    assert one.time.slept == []
    assert not one.is_landed()


def test_a_failed_export_fails_the_run_in_one_line(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(500, body=outcome("processing"))]})
    one.write_inventory()
    done = run(one, "2026-01-04")
    assert not done.success
    (failure,) = [e for e in done.all_events if e.is_step_failure]
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert "export failed at the server: 500 processing" in str(data.description)
    assert "SECRETNAME" not in str(data.description)


def test_the_sensor_reports_wrong_rights(hospital: Make) -> None:
    one = hospital(auth=True, grant="system/Patient.rs")
    one.write_inventory()
    skipped = tick(one)
    assert isinstance(skipped, dg.SkipReason)
    assert "grants no right to read Encounter" in str(skipped.skip_message)


def test_one_process_at_a_time(hospital: Make) -> None:
    one = hospital()
    one.write_inventory()
    with one.context().store.locked():
        skipped = tick(one)
    assert isinstance(skipped, dg.SkipReason)
    assert "is being advanced by another process" in str(skipped.skip_message)
    assert not one.server.of("kickoff")
    tick(one)
    tick(one)
    with one.context().store.locked():  # as while a run fetches
        assert isinstance(tick(one), dg.SkipReason)
    assert isinstance(tick(one), dg.SensorResult)


def test_a_failed_export_is_tried_again_after_an_hour_not_each_minute(hospital: Make) -> None:
    one = hospital(damage=lambda _: b"<html>")
    one.bulk["retries"] = 1
    one.write_inventory()
    tick(one)
    tick(one)
    assert not run(one, "2026-01-04").success
    one.server.switches.damage = None
    skipped = tick(one)
    assert isinstance(skipped, dg.SkipReason)
    assert "failed, next day not due yet" in str(skipped.skip_message)
    one.time.sleep(3600)
    again = tick(one)
    assert isinstance(again, dg.SensorResult)
    assert run(one, "2026-01-04").success
    assert one.is_landed()
    assert len(one.server.of("kickoff")) == 1


@pytest.mark.parametrize(
    ("now", "cadence", "day"),
    [
        (datetime(2026, 1, 5, 5, 14, tzinfo=UTC), "daily", date(2026, 1, 3)),  # 00:14, too early
        (datetime(2026, 1, 5, 5, 15, tzinfo=UTC), "daily", date(2026, 1, 4)),
        (datetime(2026, 1, 6, 4, 59, tzinfo=UTC), "daily", date(2026, 1, 4)),
        (datetime(2026, 1, 5, 5, 14, tzinfo=UTC), "hourly", date(2026, 1, 5)),
    ],
)
def test_an_export_is_for_the_day_that_has_ended(
    hospital: Make, now: datetime, cadence: str, day: date
) -> None:
    one = hospital()
    one.write_inventory()
    facility = load_inventory(one.settings.home).facility
    source = one.source.model_copy(update={"cadence": cadence})
    assert day_to_export(facility, source, now) == day


def test_exports_stand_before_their_delivery_and_outside_the_night(hospital: Make) -> None:
    one = hospital()
    one.write_inventory()
    defs = build_defs(one.settings)
    graph = defs.resolve_asset_graph()
    delivery = dg.AssetKey("delivery__ehr_fhir")
    assert graph.get(delivery).parent_keys == {dg.AssetKey("export__ehr_fhir")}
    night = defs.resolve_job_def(NIGHTLY).asset_layer.selected_asset_keys
    assert delivery in night
    assert dg.AssetKey("export__ehr_fhir") not in night
    pulled = defs.resolve_job_def(EXPORT).asset_layer.selected_asset_keys
    assert pulled == {dg.AssetKey("export__ehr_fhir")}


@pytest.mark.parametrize("automation", [True, False])
def test_the_sensor_runs_only_with_automation(hospital: Make, automation: bool) -> None:
    one = hospital()
    one.write_inventory()
    defs = build_defs(one.settings.model_copy(update={"automation": automation}))
    (sensor,) = [s for s in defs.sensors or [] if s.name == "bulk_export_step"]
    status = dg.DefaultSensorStatus
    assert sensor.default_status is (status.RUNNING if automation else status.STOPPED)


def test_nothing_is_added_when_no_source_is_pulled(settings: Settings) -> None:
    defs = build_defs(settings)
    keys = defs.resolve_asset_graph().get_all_asset_keys()
    assert not [k for k in keys if k.to_user_string().startswith("export__")]
    assert not [s for s in defs.sensors or [] if s.name.startswith("bulk")]
