"""Assets of the outbox and the site: worklists for consumers, reports for people."""

from collections.abc import Iterator

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL
from lakeward.assets.units import ReleaseUnit, release_units
from lakeward.contracts import Contract
from lakeward.expectations.portal import render_site
from lakeward.worklists.export import export_worklist
from lakeward.worklists.output_formats import formats_of


def exported_contracts() -> list[tuple[ReleaseUnit, Contract]]:
    """List the worklists that have a consumer, with the unit that releases them."""
    return [(unit, c) for unit in release_units() for c in unit.contracts if c.consumer]


def outbox_key(contract: Contract) -> dg.AssetKey:
    """Name the asset of a worklist's files."""
    return dg.AssetKey(f"outbox__{contract.name.split('__', 1)[-1]}")


def outbox_assets(days: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Make the assets `outbox__<worklist>`: files for the consumer, from the release alone."""
    return [_outbox_asset(unit, contract, days) for unit, contract in exported_contracts()]


def site_asset(days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Make the asset `site`: quality history, Data Docs and the way in; without PHI."""

    @dg.multi_asset(
        name="site",
        specs=[
            dg.AssetSpec(
                "site",
                group_name="site",
                kinds={"html", "greatexpectations"},
                owners=["team:data-quality"],
                description="Reports for quality teams: what changed, what broke, whose it is.",
                deps=[
                    # Within a night, a step that failed keeps the site back. So `publish`, a job
                    # of outbox and site alone, runs after a failed night.
                    *(outbox_key(contract) for _, contract in exported_contracts()),
                    *(unit.release_key for unit in release_units()),
                ],
            )
        ],
        partitions_def=days,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _site(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None]]:
        pages = render_site(home.settings(), home.day_of(context).day)
        yield dg.MaterializeResult(
            metadata={name: dg.MetadataValue.url(path.as_uri()) for name, path in pages.items()}
        )

    return _site


def _outbox_asset(
    unit: ReleaseUnit, contract: Contract, days: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=outbox_key(contract).to_user_string(),
        specs=[
            dg.AssetSpec(
                outbox_key(contract),
                group_name="outbox",
                kinds={each.name for each in formats_of(contract)},
                owners=[contract.owner],
                description=f"Files of the worklist for {contract.consumer}: {contract.purpose}",
                deps=[unit.release_key],
            )
        ],
        partitions_def=days,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _outbox(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None]]:
        done = export_worklist(
            home.lake(),
            home.settings().home,
            contract,
            home.day_of(context).day,
            facility=home.inventory().facility,
        )
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.rows,
                "state": done.state,
                "revision": done.revision,
                "stale": done.stale,
                "held_by": list(done.held_by),
                "folder": done.folder.as_uri(),
                **{f"action/{name}": count for name, count in done.actions.items()},
                **{f"suppressed/{name}": count for name, count in done.suppressed.items()},
            }
        )

    return _outbox
