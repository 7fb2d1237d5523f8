"""The last step of a night, whatever failed before it: held lists say so, the reports are new.

A failed step keeps back everything behind it, the files for the wards and the site among them. So
this step depends on nothing, and its priority makes it the last: a night that fails ends the same
way whether the schedule, a sensor, a person in the UI or the command line started it.
"""

from collections.abc import Iterator

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL
from lakeward.assets.night_failures import failures_of_run
from lakeward.assets.outbox import export_list, exported_contracts, outbox_key, render_reports

AFTER_FAILURE = "after_failure"
LAST = {"dagster/priority": "-1000"}


def after_failure_asset(days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Make the asset `after_failure`; it is materialized only by a night that failed."""

    @dg.multi_asset(
        name=AFTER_FAILURE,
        specs=[
            dg.AssetSpec(
                AFTER_FAILURE,
                # not of the outbox: `publish` does the same by the assets themselves
                group_name="site",
                kinds={"file", "html"},
                owners=["team:data-platform"],
                description="What a night that failed still owes: lists that could not go out say"
                " so in their folders, and the reports are rendered.",
                skippable=True,
            )
        ],
        partitions_def=days,
        op_tags=LAST,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _after_failure(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None]]:
        failures = failures_of_run(context.instance, context.run.run_id)
        if not failures:
            return
        day, done = home.day_of(context).day, _materialized(context)
        states = {}
        for _, contract in exported_contracts():
            if outbox_key(contract) not in done:
                exported = export_list(home, contract, day, failures[0])
                states[f"list/{exported.worklist}"] = exported.found.condition
        pages = render_reports(home, day, failures[0])
        yield dg.MaterializeResult(
            metadata={
                **states,
                "failed_steps": [failure.unit for failure in failures],
                **{name: dg.MetadataValue.url(path.as_uri()) for name, path in pages.items()},
            }
        )

    return _after_failure


def _materialized(context: dg.AssetExecutionContext) -> set[dg.AssetKey | None]:
    entries = context.instance.all_logs(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    return {e.dagster_event.asset_key for e in entries if e.dagster_event is not None}
