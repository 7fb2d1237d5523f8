"""Job and sensor of bulk exports: the sensor asks servers, a run fetches and lands what is ready.

They exist only when a source is pulled. A tick sends at most one request for each source and never
waits: Dagster ends a tick that takes longer than a minute.
"""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.assets.bulk import EXPORT_TAG, export_key
from lakeward.core.errors import LakewardError
from lakeward.core.settings import Settings
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.fhir.bulk.state import Action, ExportRun, due_at, next_action
from lakeward.fhir.bulk.store import store_of
from lakeward.landing.sources import Facility, Inventory, Source

if TYPE_CHECKING:
    from lakeward.fhir.bulk.context import ExportContext

EXPORT = "bulk_export"
LIGHT = (Action.intend, Action.kick_off, Action.poll)
"""Actions of a tick: at most one request. All others may take long, and belong to a run."""


def exports_selection() -> dg.AssetSelection:
    """Select the assets of exports, which run by themselves and never within a night."""
    (name, value), *_ = EXPORT_TAG.items()
    return dg.AssetSelection.tag(name, value)


def export_jobs(inventory: Inventory) -> list[Any]:
    """Build the job that fetches exports, if a source is pulled."""
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
    settings: Settings, inventory: Inventory, clock: ExportClock, *, running: bool
) -> list[dg.SensorDefinition]:
    """Build the sensor that begins and advances exports, if a source is pulled.

    Args:
        settings: Where the home is.
        inventory: The sources.
        clock: Time in UTC; tests have one that they move.
        running: Whether the sensor is on when the deployment is loaded first.
    """
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
        requests, lines = [], []
        for source in pulled:
            try:
                export, word = _tick(settings, inventory.facility, source, clock)
            except LakewardError as error:
                # one server that is down must not keep the others from being asked
                lines.append(str(error))
                continue
            lines.append(f"{source.name}: {word}")
            if export:
                requests.append(_request(source, export, clock.now()))
        if not requests:
            return dg.SkipReason("; ".join(lines))
        return dg.SensorResult(run_requests=requests)

    return [_advance] if pulled else []


def day_to_export(facility: Facility, source: Source, now: datetime) -> date:
    """Return the business day that an export begun now is for.

    The day that has ended, from the source's `start_at` on; before that, the day before. A source
    that is pulled every hour delivers for the day that is running.

    Args:
        facility: Its zone decides when a day ends.
        source: Its cadence and `start_at` are read.
        now: The present, with a zone.
    """
    local = now.astimezone(ZoneInfo(facility.time_zone))
    if source.cadence == "hourly":
        return local.date()
    start_at = source.bulk.start_at if source.bulk else time(0)
    ended = local.date() - timedelta(days=1)
    return ended if local.time() >= start_at else ended - timedelta(days=1)


def _tick(
    settings: Settings, facility: Facility, source: Source, clock: ExportClock
) -> tuple[ExportRun | None, str]:
    """Take one light step; return the export if a run has to go on, and a phrase for people."""
    # HTTP and signing are imported when they are needed: a night without exports does without
    from lakeward.fhir.bulk.context import open_context
    from lakeward.fhir.bulk.exports import ExportRequest, begin, is_due

    store, now = store_of(settings.home, source.name), clock.now()
    held = store.load()
    running = held is not None and held.state == "running"
    day = day_to_export(facility, source, now)
    # asked before a context is opened, as is the next line: nearly every
    # tick ends here, without HTTP
    if not running and not is_due(source.cadence, held, day, now):
        return None, f"{held.state if held else 'none'}, next day not due yet"
    if held and running and next_action(held, now) is None:
        return None, f"waits until {due_at(held):%Y-%m-%d %H:%M:%S} UTC"
    # while a run holds the lock, the sensor asks for no second one
    with open_context(settings.home, source, clock) as context, store.locked():
        return _light_step(context, begin(context, ExportRequest(day)))


def _light_step(context: "ExportContext", export: ExportRun) -> tuple[ExportRun | None, str]:
    from lakeward.fhir.bulk.steps import step

    # `intend` writes one file and sends nothing, so the kick-off may follow in the same tick
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
    return moved, f"{action.value} needs a run"


def _request(source: Source, export: ExportRun, now: datetime) -> dg.RunRequest:
    # Dagster remembers a key for ever; with the hour in it, a run that was killed is started again
    day = export.day.isoformat()
    return dg.RunRequest(
        run_key=f"{source.name}:{export.export_id}:{export.revision}:{now:%Y%m%d%H}",
        partition_key=day,
        asset_selection=[export_key(source)],
        tags={"source": source.name, "export_id": export.export_id, "day": day},
    )
