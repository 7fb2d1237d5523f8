"""Why the night of a day failed, as Dagster has it: for the notice in place of a list.

Read from the events of runs, which outlive the process and the run that publishes after it.
"""

from datetime import date
from typing import Any, cast

import dagster as dg

from lakeward.assets.failure import CAUSE
from lakeward.assets.home import PARTITION_TAG
from lakeward.worklists.day_release import Cause, Hold

PUBLISH = "publish"
"""Job that builds nothing: its own failures say nothing of a night."""
_LOOKED_AT = 20
"""Newest runs of a day among which the night is looked for."""


def failures_of_run(instance: dg.DagsterInstance, run_id: str) -> list[Hold]:
    """List the failures of the steps of a run, the first one first."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events = [entry.dagster_event for entry in entries]
    return [_hold(event) for event in events if event is not None]


def failure_of_day(context: dg.AssetExecutionContext, day: date) -> Hold | None:
    """Return the first failure of this run, else of the newest night of its day; None: none."""
    instance = context.instance
    if own := failures_of_run(instance, context.run.run_id):
        return own[0]
    of_day = dg.RunsFilter(tags={PARTITION_TAG: day.isoformat()})
    runs = [
        run
        for run in instance.get_runs(of_day, limit=_LOOKED_AT)
        if run.job_name != PUBLISH and run.run_id != context.run.run_id
    ]
    # newest first: what failed before a night that passed is mended
    if context.run.job_name != PUBLISH or not runs:
        return None
    return next(iter(failures_of_run(instance, runs[0].run_id)), None)


def _hold(event: dg.DagsterEvent) -> Hold:
    data = event.step_failure_data.user_failure_data
    metadata: dict[str, Any] = {n: v.value for n, v in (data.metadata if data else {}).items()}
    said = (data and data.description) or "failed; see the run in the Dagster UI"
    return Hold(
        unit=event.step_key or event.job_name,
        rules=(),
        cause=cast(Cause, metadata.get(CAUSE, "step")),
        because=(said,),
        remedy=str(metadata.get("remedy", "")),
    )
