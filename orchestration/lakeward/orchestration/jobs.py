"""The jobs and the days they run for.

Two jobs: `nightly` is the whole way from landing to site; `publish` is its end alone (outbox and
site). Blocking checks stop a nightly run where it stands, so what must happen all the same (a
blocked list says so, the reports are renewed) is run again as `publish`, see `sensors`. The job of
bulk exports is in `exports`.
"""

from datetime import date
from typing import Any

import dagster as dg

from lakeward.landing.sources import Facility
from lakeward.orchestration.exports import exports_selection

FIRST_DAY = date(2020, 1, 1)
NIGHTLY = "nightly"
PUBLISH = "publish"


def daily_partitions(facility: Facility) -> dg.DailyPartitionsDefinition:
    """Give the business days in the facility's zone, today included."""
    return dg.DailyPartitionsDefinition(
        start_date=FIRST_DAY.isoformat(), timezone=facility.time_zone, end_offset=1
    )


def jobs() -> list[Any]:
    """Make both jobs; `Any` because Dagster does not publish the type of an asset job."""
    return [
        dg.define_asset_job(
            NIGHTLY,
            selection=dg.AssetSelection.all() - exports_selection(),
            description="Land, load, build, judge, release, export and report one business day.",
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=dg.AssetSelection.groups("outbox", "site"),
            description="Issue worklists and reports from what is released; blocked ones say so.",
        ),
    ]
