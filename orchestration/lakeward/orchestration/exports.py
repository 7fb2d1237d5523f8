"""Job and sensor of bulk exports: the sensor asks servers, a run fetches and lands what is ready.

Only there when a source is pulled. A tick makes at most one request a source and never waits.
"""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.assets.bulk import EXPORT_TAG, export_key
from lakeward.core.errors import LakewardError
from lakeward.core.settings import Settings
from lakeward.fhir.bulk.clock import Clock
from lakeward.fhir.bulk.state import Action, Export, due_at, next_action
from lakeward.fhir.bulk.store import store_of
from lakeward.landing.sources import Facility, Inventory, Source

if TYPE_CHECKING:
    from lakeward.fhir.bulk.context import Context

EXPORT = "bulk_export"
LIGHT = (Action.intend, Action.kick_off, Action.poll)
"""What a sensor may do itself: one request. The rest is a run's business."""


def exports_selection() -> dg.AssetSelection:
    """Select the exports: they run by themselves, never within a night."""
    (name, value), *_ = EXPORT_TAG.items()
    return dg.AssetSelection.tag(name, value)


def export_jobs(inventory: Inventory) -> list[Any]:
    """Make the job that fetches exports, if a source is pulled."""
    if not any(s.bulk for s in inventory.sources):
        return []
    return [
        dg.define_asset_job(
            EXPORT,
            selection=exports_selection(),
            description="Fetch and land the files of bulk exports that are ready.",
        )
    ]


def export_sensors(
    settings: Settings, inventory: Inventory, clock: Clock, *, running: bool
) -> list[dg.SensorDefinition]:
    """Make the sensor that begins and advances exports, if a source is pulled."""
    pulled = [s for s in inventory.sources if s.bulk]
    status = dg.DefaultSensorStatus

    @dg.sensor(
        name="bulk_export_step",
        job_name=EXPORT,
        minimum_interval_seconds=60,
        default_status=status.RUNNING if running else status.STOPPED,
        description="Begins the export of each day, asks for its state, and has it fetched.",
    )
    def _advance() -> dg.SensorResult | dg.SkipReason:
        requests, told = [], []
        for source in pulled:
            try:
                export, word = _tick(settings, inventory.facility, source, clock)
            except LakewardError as error:
                told.append(str(error))
                continue
            told.append(f"{source.name}: {word}")
            if export:
                requests.append(_request(source, export, clock.now()))
        if not requests:
            return dg.SkipReason("; ".join(told))
        return dg.SensorResult(run_requests=requests)

    return [_advance] if pulled else []


def day_to_export(facility: Facility, source: Source, now: datetime) -> date:
    """Give the day that an export begun now is for: the one that has ended, once it is time.

    What is pulled every hour belongs to the day that is running.
    """
    local = now.astimezone(ZoneInfo(facility.time_zone))
    if source.cadence == "hourly":
        return local.date()
    start_at = source.bulk.start_at if source.bulk else time(0)
    ended = local.date() - timedelta(days=1)
    return ended if local.time() >= start_at else ended - timedelta(days=1)


def _tick(
    settings: Settings, facility: Facility, source: Source, clock: Clock
) -> tuple[Export | None, str]:
    """Take one light step; give the export if a run has to go on, and a word for people."""
    # HTTP and signing are loaded when they are needed: a night without exports does without
    from lakeward.fhir.bulk.context import open_context
    from lakeward.fhir.bulk.exports import Wish, begin, is_due

    store, now = store_of(settings.home, source.name), clock.now()
    held = store.load()
    running = held is not None and held.state == "running"
    day = day_to_export(facility, source, now)
    if not running and not is_due(source.cadence, held, day, now):
        return None, f"{held.state if held else 'none'}, next day not due yet"
    if held and running and next_action(held, now) is None:
        return None, f"waits until {due_at(held):%Y-%m-%d %H:%M:%S} UTC"
    # the lock also keeps a run from being asked for while one is at work
    with open_context(settings.home, source, clock) as context, store.locked():
        return _light_step(context, begin(context, Wish(day)))


def _light_step(context: "Context", export: Export) -> tuple[Export | None, str]:
    from lakeward.fhir.bulk.steps import step

    moved, taken = export, None
    while (action := next_action(moved, context.clock.now())) in LIGHT and taken is None:
        taken = None if action is Action.intend else action
        moved = step(context, moved)
    if moved.state == "failed":
        return None, f"failed: {moved.failure}"
    if taken:
        return None, f"{taken.value} done, goes on {due_at(moved):%Y-%m-%d %H:%M:%S} UTC"
    if action is None:
        return None, f"waits until {due_at(moved):%Y-%m-%d %H:%M:%S} UTC"
    return moved, f"{action.value} is a run's business"


def _request(source: Source, export: Export, now: datetime) -> dg.RunRequest:
    # a key is remembered for ever: the hour lets a run that died without a trace be asked for again
    day = export.day.isoformat()
    return dg.RunRequest(
        run_key=f"{source.name}:{export.export_id}:{export.revision}:{now:%Y%m%d%H}",
        partition_key=day,
        asset_selection=[export_key(source)],
        tags={"source": source.name, "export_id": export.export_id, "day": day},
    )
