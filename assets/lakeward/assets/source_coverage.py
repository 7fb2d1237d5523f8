"""The asset `source_coverage`: how far each source is known, before a list is built on it."""

from collections.abc import Iterator

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.coverage_record import COVERAGE, QUARANTINE, coverage_of, record_coverage
from lakeward.landing.ledger import LEDGER_ENTRY
from lakeward.landing.sources import Inventory, Source


def coverage_asset(inventory: Inventory) -> dg.AssetsDefinition:
    """Build the asset `source_coverage`, with a check for each source."""

    @dg.multi_asset(
        name=COVERAGE.name,
        specs=[
            table_asset(
                COVERAGE,
                group="raw",
                kinds={"deltalake"},
                # what is not loaded by then, this night does not know
                deps=[dg.AssetKey(LEDGER_ENTRY.name), dg.AssetKey(QUARANTINE)],
            )
        ],
        check_specs=[_check_spec(source) for source in inventory.sources],
        pool=WRITER_POOL,
    )
    @without_record_values
    def _coverage(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, day = home.lake(), home.day_of(context).day
        found = coverage_of(lake, home.settings().home, home.inventory(), day)
        record_coverage(lake, found, day)
        yield table_result(lake, COVERAGE.name, extra=coverage_metadata(found))
        for each in found:
            yield _result(each)

    return _coverage


def coverage_metadata(
    coverage: list[SourceCoverage] | tuple[SourceCoverage, ...],
) -> dict[str, str]:
    """Return a line for each source: until when it is known, and why not longer."""
    return {
        f"source/{each.source}": f"{each.state}, known until {_instant(each)}: {each.sentence()}"
        for each in coverage
    }


def _instant(source: SourceCoverage) -> str:
    return source.known_until.isoformat(timespec="minutes") if source.known_until else "never"


def _check_name(source: str) -> str:
    return f"{source}_complete"


def _check_spec(source: Source) -> dg.AssetCheckSpec:
    about = f"{source.system} delivered what was due, as much as always, and all of it is loaded"
    return dg.AssetCheckSpec(_check_name(source.name), asset=COVERAGE.name, description=about)


def _result(source: SourceCoverage) -> dg.AssetCheckResult:
    passed = source.state in ("complete", "not_in_service")
    return dg.AssetCheckResult(
        check_name=_check_name(source.source),
        asset_key=COVERAGE.name,
        passed=passed,
        # what it means for a list is its contract's to say: see the checks of the outbox
        severity=dg.AssetCheckSeverity.WARN,
        description=None if passed else f"{source.source}: {source.sentence()}",
        metadata={
            "state": source.state,
            "known_until": _instant(source),
            "found": source.found,
            "kept": source.kept,
            "quarantined": source.quarantined,
            "expected_at_least": source.expected_at_least,
            "owner": source.owner,
        },
    )
