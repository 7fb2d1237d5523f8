"""What starts runs besides the clock: a complete delivery, and the end of a failed night.

Sensors look at names, sizes and markers, and at files only to tell one delivery from another.
"""

import json
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import dagster as dg

from lakeward.assets.home import PARTITION_TAG
from lakeward.core.settings import Settings
from lakeward.lake.release import newest_day
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import Delivery, deliveries, hash_file, incomplete
from lakeward.landing.sources import Inventory
from lakeward.orchestration.jobs import NIGHTLY

RUNS_PER_TICK = 10
REMEMBERED_DAYS = 60
"""Days of deliveries that the cursor remembers; older ones are loaded by the nightly run anyway."""


def landing_sensor(
    settings: Settings, inventory: Inventory, *, running: bool
) -> dg.SensorDefinition:
    """Run a day again when a delivery for it is complete and was not seen with this content."""
    landing = settings.home.landing

    @dg.sensor(
        name="landing_delivery_complete",
        job_name=NIGHTLY,
        minimum_interval_seconds=30,
        default_status=_sensor_status(running),
        description="Starts the nightly job for a day whose delivery is complete in landing.",
    )
    def _landing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        fresh: dict[date, list[str]] = {}
        newest_released = newest_day(Lake(settings.home.lake))
        for delivery in _recent(settings, inventory):
            name = f"{delivery.source}:{delivery.day.isoformat()}"
            stamp = _stamp(delivery)
            if seen.get(name) != stamp and len(fresh | {delivery.day: []}) <= RUNS_PER_TICK:
                seen[name] = stamp
                # a late file is loaded by the newest day: an older one is issued, never rebuilt
                day = max(delivery.day, newest_released or delivery.day)
                fresh.setdefault(day, []).append(f"{name}:{_content(delivery)}")
        if not fresh:
            waiting = sum(len(incomplete(landing, s.name)) for s in inventory.sources)
            return dg.SkipReason(
                f"No new complete delivery among {len(seen)} known; {waiting} without marker yet."
            )
        return dg.SensorResult(
            run_requests=[_request(day, names) for day, names in sorted(fresh.items())],
            cursor=json.dumps(dict(sorted(seen.items(), key=lambda kv: kv[0][-10:])[-1000:])),
        )

    return _landing


def publish_after_failure_sensor(
    nightly: Any, publish: Any, *, running: bool
) -> dg.SensorDefinition:
    """Issue lists and reports after a nightly run that failed, whatever failed in it."""

    @dg.run_status_sensor(
        name="publish_after_failed_night",
        run_status=dg.DagsterRunStatus.FAILURE,
        monitored_jobs=[nightly],
        request_job=publish,
        default_status=_sensor_status(running),
        description="Runs `publish` after a failed night: blocked lists say so, reports are new.",
    )
    def _publish(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        day = context.dagster_run.tags.get(PARTITION_TAG)
        if day is None:
            return dg.SkipReason("The run was not for a day.")
        return dg.RunRequest(
            run_key=f"publish:{context.dagster_run.run_id}",
            partition_key=day,
            tags={"day": day},
        )

    return _publish


def _recent(settings: Settings, inventory: Inventory) -> Iterator[Delivery]:
    for source in inventory.sources:
        yield from deliveries(settings.home.landing, source.name, date.max)[-REMEMBERED_DAYS:]


def _stamp(delivery: Delivery) -> str:
    """Tell whether a folder changed without reading its files."""
    stats = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in delivery.files]
    return sha256(json.dumps(stats).encode()).hexdigest()[:12]


def _content(delivery: Delivery) -> str:
    """Tell what a folder holds: the same files sent again do not start a second run."""
    return sha256("".join(sorted(map(hash_file, delivery.files))).encode()).hexdigest()[:12]


def _request(day: date, names: list[str]) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=";".join(sorted(names)),
        partition_key=day.isoformat(),
        tags={"day": day.isoformat(), "source": ",".join(n.split(":")[0] for n in sorted(names))},
    )


def _sensor_status(running: bool) -> dg.DefaultSensorStatus:  # noqa: FBT001  Dagster's own switch
    status = dg.DefaultSensorStatus
    return status.RUNNING if running else status.STOPPED
