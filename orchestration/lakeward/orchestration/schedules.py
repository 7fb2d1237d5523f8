"""The nightly schedule; what a night does is the job's business."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.landing.sources import Facility
from lakeward.orchestration.jobs import NIGHTLY

NIGHTLY_CRON = "30 2 * * *"


def nightly_schedule(facility: Facility, *, running: bool) -> dg.ScheduleDefinition:
    """Run the day that ended at midnight, at 02:30 of the facility's clock."""
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
        local = context.scheduled_execution_time.astimezone(ZoneInfo(facility.time_zone))
        day = (local.date() - timedelta(days=1)).isoformat()
        return dg.RunRequest(partition_key=day, tags={"day": day})

    return _nightly
