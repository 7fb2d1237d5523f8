"""Assets of the outbox and the site: worklists for consumers, reports for people."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL
from lakeward.assets.night_failures import failure_of_day
from lakeward.assets.source_coverage import coverage_metadata
from lakeward.assets.units import ReleaseUnit, release_units
from lakeward.contracts import Contract
from lakeward.expectations.portal import ListOfDay, render_site
from lakeward.landing.coverage_record import COVERAGE
from lakeward.worklists.day_release import Hold, release_for_day
from lakeward.worklists.documents import short_name
from lakeward.worklists.export import ExportedList, export_worklist
from lakeward.worklists.freshness import local_minute
from lakeward.worklists.output_formats import formats_of

FRESH_CHECK = "sources_fresh"


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
        day = home.day_of(context).day
        pages = render_reports(home, day, failure_of_day(context, day))
        yield dg.MaterializeResult(
            metadata={name: dg.MetadataValue.url(path.as_uri()) for name, path in pages.items()}
        )

    return _site


def export_list(
    home: LakewardHome, contract: Contract, day: date, failure: Hold | None
) -> ExportedList:
    """Export a worklist of a day; `failure` is why its night failed, where it did."""
    return export_worklist(
        home.lake(),
        home.settings().home,
        contract,
        day,
        facility=home.inventory().facility,
        coverage=home.coverage(day),
        failure=failure,
    )


def render_reports(home: LakewardHome, day: date, failure: Hold | None) -> Mapping[str, Path]:
    """Render the site, with what each list of a day knows of its sources."""
    coverage = home.coverage(day)
    zone = ZoneInfo(home.inventory().facility.time_zone)
    lists = []
    for _, contract in exported_contracts():
        found = release_for_day(home.lake(), contract, day, coverage, failure)
        known = local_minute(found.today.data_as_of, zone)
        lists.append(
            ListOfDay(short_name(contract), found.condition, known, found.because, contract.owner)
        )
    return render_site(home.settings(), day, lists=lists, sources=coverage)


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
                deps=[unit.release_key, dg.AssetKey(COVERAGE.name)],
            )
        ],
        check_specs=[_fresh_check(contract)],
        partitions_def=days,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _outbox(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        day = home.day_of(context).day
        done = export_list(home, contract, day, failure_of_day(context, day))
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.rows,
                "state": done.state,
                "revision": done.revision,
                "condition": done.found.condition,
                "stale": done.stale,
                **coverage_metadata(done.found.today.sources),
                "held_by": list(done.held_by),
                "folder": done.folder.as_uri(),
                **{f"action/{name}": count for name, count in done.actions.items()},
                **{f"suppressed/{name}": count for name, count in done.suppressed.items()},
            }
        )
        yield _fresh_result(contract, done)

    return _outbox


def _fresh_check(contract: Contract) -> dg.AssetCheckSpec:
    about = "Every source of the list is known until the cut-off and complete; else it says so"
    return dg.AssetCheckSpec(FRESH_CHECK, asset=outbox_key(contract), description=about)


def _fresh_result(contract: Contract, done: ExportedList) -> dg.AssetCheckResult:
    """Report what the list says of its sources; of a broken contract, its own checks report."""
    marked = done.found.condition in ("fresh", "marked")
    passed = done.found.condition == "fresh"
    return dg.AssetCheckResult(
        check_name=FRESH_CHECK,
        asset_key=outbox_key(contract),
        passed=passed,
        # not blocking: the site is rendered all the same, and says so first
        severity=dg.AssetCheckSeverity.WARN if marked else dg.AssetCheckSeverity.ERROR,
        description=None if passed else f"{done.found.condition}: {'; '.join(done.found.because)}",
        metadata={"condition": done.found.condition, "owner": contract.owner},
    )
