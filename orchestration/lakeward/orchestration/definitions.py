"""What Dagster loads: `build_defs()` assembles everything, `defs` is the result.

No asset, job or sensor is written here. This is the one module that does something at import:
Dagster asks for a module-level value.
"""

from typing import Any

import dagster as dg

from lakeward.assets.after_failure import after_failure_asset
from lakeward.assets.bulk import export_assets
from lakeward.assets.decided import decision_assets
from lakeward.assets.flat import flat_assets
from lakeward.assets.formats import FORMATS
from lakeward.assets.home import LakewardHome
from lakeward.assets.landing import delivery_assets, ledger_asset
from lakeward.assets.list_builds import list_builds
from lakeward.assets.outbox import outbox_assets, site_asset
from lakeward.assets.quarantine import quarantine_asset
from lakeward.assets.raw import raw_assets
from lakeward.assets.source_coverage import coverage_asset
from lakeward.assets.truth import truth_asset
from lakeward.assets.units import unit_assets
from lakeward.core.settings import Settings, load_settings
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.exports import export_jobs, export_sensors
from lakeward.orchestration.jobs import daily_partitions, jobs
from lakeward.orchestration.list_runs import keys_of_night, list_jobs, list_schedules
from lakeward.orchestration.schedules import nightly_schedule
from lakeward.orchestration.sensors import landing_sensor, publish_after_failure_sensor


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """Assemble assets, jobs, schedule and sensors.

    Args:
        settings: Which home to read the interface inventory from; default: the environment's.
    """
    settings = settings or load_settings()
    inventory = load_inventory(settings.home)
    days = daily_partitions(inventory.facility)
    running = settings.automation
    nightly, publish = jobs()
    lists = list_jobs()
    assets: list[Any] = [
        *export_assets(settings.home, inventory, days),
        delivery_assets(inventory, days),
        *raw_assets(inventory),
        ledger_asset([dg.AssetKey(each.raw.name) for each in FORMATS]),
        coverage_asset(inventory),
        quarantine_asset(),
        *decision_assets(),
        *flat_assets(settings.home),
        truth_asset(),
        *unit_assets(days),
        *outbox_assets(days),
        site_asset(days),
        after_failure_asset(days),
    ]
    night = keys_of_night(assets)
    return dg.Definitions(
        assets=assets,
        jobs=[nightly, publish, *lists, *export_jobs(inventory)],
        schedules=[
            nightly_schedule(inventory.facility, night, running=running),
            *list_schedules(inventory.facility, ExportClock(), running=running),
        ],
        sensors=[
            landing_sensor(settings, inventory, night, running=running),
            publish_after_failure_sensor([nightly, *lists], publish, running=running),
            *export_sensors(settings, inventory, ExportClock(), running=running),
        ],
        resources={
            "home": LakewardHome(root=str(settings.home.root)),
            "lists": list_builds(),
        },
        # one process for all steps: they share DuckDB and the lock of the lake, and a process for
        # each step would import Dagster and dbt again and again
        executor=dg.in_process_executor,
    )


defs = build_defs()
