"""Assets of bulk exports: `export__<source>`, what a source pulls before it is a delivery.

A run takes the steps that can be taken now (fetching and landing files) and never waits for the
server, which the sensor does. It writes nothing into the lake, so a night may run beside it.
"""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import PARTITION_TAG
from lakeward.core.paths import Home
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.fhir.bulk.state import ExportRun, due_at
from lakeward.landing.sources import Inventory, Source

EXPORT_TAG = {"hop": "export"}


def export_key(source: Source) -> dg.AssetKey:
    """Return the key of the asset of a source's exports."""
    return dg.AssetKey(f"export__{source.name}")


def export_assets(
    home: Home,
    inventory: Inventory,
    days: dg.PartitionsDefinition[str],
    clock: Callable[[], ExportClock] = ExportClock,
) -> list[dg.AssetsDefinition]:
    """Build `export__<source>` for each source that is pulled.

    Args:
        home: Where the state of exports is kept and deliveries are landed.
        inventory: The sources.
        days: Business days in the facility's zone.
        clock: Makes the clock of a run; tests have one that they move.
    """
    return [_export_asset(home, s, days, clock) for s in inventory.sources if s.bulk]


def _export_asset(
    home: Home, source: Source, days: dg.PartitionsDefinition[str], clock: Callable[[], ExportClock]
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"export_{source.name}",
        specs=[
            dg.AssetSpec(
                export_key(source),
                group_name="landing",
                kinds={source.format, "file"},
                owners=[source.owner],
                description=f"Bulk Data export of {source.system}. {source.purpose}.",
                tags={"source": source.name, **EXPORT_TAG},
                skippable=True,  # an export that has to wait is not materialized yet
            )
        ],
        partitions_def=days,
    )
    @without_record_values
    def _export(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        from lakeward.fhir.bulk.context import open_context
        from lakeward.fhir.bulk.exports import ExportRequest, advance, begin

        # imported here: HTTP and signing cost time, and only this asset needs them
        day = date.fromisoformat(context.run.tags[PARTITION_TAG])
        # the command line or another tick of the sensor may be advancing this export
        with open_context(home, source, clock()) as bulk, bulk.store.locked():
            export = advance(bulk, begin(bulk, ExportRequest(day)))
        if export.state == "failed":
            raise dg.Failure(
                f"export of {source.name}: {export.failure}; expected all files as promised;"
                f" `lakeward bulk export {source.name}` goes on",
                allow_retries=False,  # the sensor comes back when a retry can help
            )
        if export.state == "running":
            context.log.info(f"{export.export_id} waits until {due_at(export):%H:%M:%S} UTC")
            return
        yield dg.MaterializeResult(asset_key=export_key(source), metadata=_metadata(export))

    return _export


def _metadata(export: ExportRun) -> dict[str, str | int]:
    return {
        "export_id": export.export_id,
        "state": export.state,
        "files": sum(job.files for job in export.jobs),
        "jobs": len(export.jobs),
        "losses_reported_by_the_server": sum(job.losses for job in export.jobs),
        "older_than_since": sum(job.older for job in export.jobs),
        "outside_type_filters": sum(job.unwanted for job in export.jobs),
    }
