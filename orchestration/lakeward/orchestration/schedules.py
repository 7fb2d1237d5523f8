"""The nightly schedule; what a night does is the job's business."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.landing.sources import Facility
from lakeward.orchestration.jobs import NIGHTLY

NIGHTLY_CRON = "30 2 * * *"
"""02:30, when the deliveries of a day have come. In spring that time does not exist for one night:
Dagster then runs at the next one that does."""


def nightly_schedule(
    facility: Facility, keys: Sequence[dg.AssetKey], *, running: bool
) -> dg.ScheduleDefinition:
    """Build the schedule that runs the day which ended at midnight, by the facility's clock.

    Args:
        facility: Its zone is that of the cron expression.
        keys: The assets of a night: lists that leave at a time of their own are not among them.
        running: Whether the schedule is on when the deployment is loaded first.
    """
    status = dg.DefaultScheduleStatus

    @dg.schedule(
        name=f"{NIGHTLY}_daily",
        job_name=NIGHTLY,
        cron_schedule=NIGHTLY_CRON,
        execution_timezone=facility.time_zone,
        default_status=status.RUNNING if running else status.STOPPED,
        description="Runs the business day that has just ended.",
    )
    def _nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # the scheduled time, not the present: a tick that comes late is still for its own day
        local = context.scheduled_execution_time.astimezone(ZoneInfo(facility.time_zone))
        day = (local.date() - timedelta(days=1)).isoformat()
        return dg.RunRequest(partition_key=day, asset_selection=keys, tags={"day": day})

    return _nightly
