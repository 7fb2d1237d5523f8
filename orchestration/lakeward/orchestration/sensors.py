"""What starts runs besides the clock: a complete delivery, and the end of a failed night.

Sensors look at names, sizes and markers. They read files only to decide whether a delivery whose
times changed is a new one.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from lakeward.assets.home import PARTITION_TAG
from lakeward.core.files import sha256_of
from lakeward.core.settings import Settings
from lakeward.lake.release import newest_day
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import Delivery, deliveries, hash_file, incomplete
from lakeward.landing.sources import Inventory
from lakeward.orchestration.jobs import NIGHTLY
from lakeward.orchestration.list_runs import published_keys

RUNS_PER_TICK = 10
"""Days that one tick asks for at most: a folder of old deliveries must not fill the run queue."""
REMEMBERED_DAYS = 60
"""Newest deliveries of each source that are looked at; the nightly run loads older ones anyway."""
REMEMBERED_DELIVERIES = 1000
"""Deliveries that the cursor holds, newest first: Dagster keeps it as one text."""


def landing_sensor(
    settings: Settings, inventory: Inventory, keys: Sequence[dg.AssetKey], *, running: bool
) -> dg.SensorDefinition:
    """Build the sensor that runs a day when a delivery for it is complete and new.

    Args:
        settings: Where landing and lake are.
        inventory: The sources whose folders are looked at.
        keys: The assets of a night: a delivery must not send a list before its time.
        running: Whether the sensor is on when the deployment is loaded first.
    """
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
        waiting, unread = 0, []
        for source in inventory.sources:
            try:
                for delivery in deliveries(landing, source.name, date.max)[-REMEMBERED_DAYS:]:
                    _look(delivery, seen, fresh, newest_released)
                waiting += len(incomplete(landing, source.name))
            except OSError:
                # the others are looked at all the same; the night says what is wrong with it
                unread.append(source.name)
        if not fresh:
            return dg.SkipReason(
                f"No new complete delivery among {len(seen)} seen; {waiting} without marker yet."
                + (f" Cannot be read: {', '.join(unread)}." if unread else "")
            )
        return dg.SensorResult(
            run_requests=[_request(day, names, keys) for day, names in sorted(fresh.items())],
            cursor=json.dumps(_newest(seen)),
        )

    return _landing


def publish_after_failure_sensor(
    watched: Sequence[Any], publish: Any, *, running: bool
) -> dg.SensorDefinition:
    """Build the sensor that runs `publish` after a night or a list that failed, whatever failed.

    Args:
        watched: The job of the night, and those of lists.
        publish: The job that is run.
        running: Whether the sensor is on when the deployment is loaded first.
    """

    @dg.run_status_sensor(
        name="publish_after_failed_night",
        run_status=dg.DagsterRunStatus.FAILURE,
        monitored_jobs=list(watched),
        request_job=publish,
        default_status=_sensor_status(running),
        description="Runs `publish` after a failed night or list: held lists say so.",
    )
    def _publish(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        # a run that somebody started by hand over chosen assets may be for no day
        day, job = context.dagster_run.tags.get(PARTITION_TAG), context.dagster_run.job_name
        if day is None:
            return dg.SkipReason("The run was not for a day.")
        return dg.RunRequest(
            # by the run: a night that fails twice is followed by two, and a
            # tick that is repeated by none
            run_key=f"publish:{context.dagster_run.run_id}",
            partition_key=day,
            # only what the failed run was to make: another list is not due, or has left already
            asset_selection=published_keys([] if job == NIGHTLY else [job]),
            tags={"day": day},
        )

    return _publish


def _look(
    delivery: Delivery,
    seen: dict[str, str],
    fresh: dict[date, list[str]],
    newest_released: date | None,
) -> None:
    """Enter a delivery that is new, with its content, under the day that has to be run for it."""
    name, stamp = f"{delivery.source}:{delivery.day.isoformat()}", _stamp(delivery)
    # a delivery over the limit is not entered, so the next tick finds it again
    if seen.get(name) == stamp or len(fresh | {delivery.day: []}) > RUNS_PER_TICK:
        return
    content = _content(delivery)
    seen[name] = stamp
    # a late file is loaded by the newest day: an older one is exported, never rebuilt
    day = max(delivery.day, newest_released or delivery.day)
    fresh.setdefault(day, []).append(f"{name}:{content}")


def _newest(seen: dict[str, str]) -> dict[str, str]:
    # names are `<source>:<day>`: sorted as they are, whole sources would be forgotten, not old days
    by_day = sorted(seen.items(), key=lambda entry: entry[0][-len("YYYY-MM-DD") :])
    return dict(by_day[-REMEMBERED_DELIVERIES:])


def _stamp(delivery: Delivery) -> str:
    """Return a stamp that changes when a folder's files change, without reading them."""
    stats = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in delivery.files]
    return sha256_of(json.dumps(stats).encode())[:12]


def _content(delivery: Delivery) -> str:
    """Return a hash of a folder's content: the same files sent again start no second run."""
    return sha256_of("".join(sorted(map(hash_file, delivery.files))).encode())[:12]


def _request(day: date, names: list[str], keys: Sequence[dg.AssetKey]) -> dg.RunRequest:
    # the key holds the content: files whose times changed and nothing else start no second run
    return dg.RunRequest(
        run_key=";".join(sorted(names)),
        partition_key=day.isoformat(),
        asset_selection=keys,
        tags={"day": day.isoformat(), "source": ",".join(n.split(":")[0] for n in sorted(names))},
    )


def _sensor_status(running: bool) -> dg.DefaultSensorStatus:  # noqa: FBT001  Dagster's own switch
    status = dg.DefaultSensorStatus
    return status.RUNNING if running else status.STOPPED
