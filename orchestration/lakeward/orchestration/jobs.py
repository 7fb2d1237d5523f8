"""The jobs and the days they run for; what an asset does is in `lakeward.assets`.

`nightly` is the whole way from landing to site, `publish` its end alone (outbox, site), and each
list has a job of its own, see `list_runs`. A blocking check stops a nightly run where it is. What
must happen all the same (a held list says that it is held, the reports are renewed) is its last
step, `after_failure`; of a run whose process died it is done by `publish`, see `sensors`. The job
of bulk exports is in `exports`.
"""

from datetime import date
from typing import Any

import dagster as dg

from lakeward.assets.night_failures import PUBLISH
from lakeward.landing.sources import Facility
from lakeward.orchestration.exports import exports_selection

FIRST_DAY = date(2020, 1, 1)
"""No hospital delivers older days; each day is a partition that Dagster has to list."""
NIGHTLY = "nightly"


def daily_partitions(facility: Facility) -> dg.DailyPartitionsDefinition:
    """Return the business days in the facility's zone.

    Today is included (`end_offset`): the hospital delivers during the day, and the sensor runs a
    day as soon as a delivery for it is complete.
    """
    return dg.DailyPartitionsDefinition(
        start_date=FIRST_DAY.isoformat(), timezone=facility.time_zone, end_offset=1
    )


def jobs() -> list[Any]:
    """Build `nightly` and `publish`; `Any` because Dagster does not publish the type of a job."""
    return [
        dg.define_asset_job(
            NIGHTLY,
            # a server may take hours to export; a night works with what is in landing
            selection=dg.AssetSelection.all() - exports_selection(),
            description="Land, load, build, check, release, export and report one business day.",
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=dg.AssetSelection.groups("outbox", "site"),
            description="Export worklists and reports from what is released; held ones say so.",
        ),
    ]
