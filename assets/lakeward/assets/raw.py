"""Assets of the raw layer: records as delivered, and the tables that loading writes beside them."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.formats import FORMATS
from lakeward.assets.home import LakewardHome
from lakeward.assets.landing import REGISTERED
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.assets.source_checks import up_to_date, up_to_date_check
from lakeward.lake.causes import cause_of
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, ensure_table
from lakeward.landing.formats import Format
from lakeward.landing.ledger import LEDGER_ENTRY, FileCounts
from lakeward.landing.loading import load_pending
from lakeward.landing.source_failures import SourceFailure, enter_failures, failure
from lakeward.landing.sources import Inventory
from lakeward.quarantine.table import QUARANTINE

ADD_UP = "counts_add_up"
PROMISED = "promised_is_found"
_SHOWN = 100
"""How many broken promises a check lists; the tables have all."""


def raw_assets(inventory: Inventory) -> list[dg.AssetsDefinition]:
    """Build one step per format, with an asset for its raw table and each table beside it."""
    return [_raw_asset(inventory, format_) for format_ in FORMATS]


def _raw_asset(inventory: Inventory, format_: Format) -> dg.AssetsDefinition:
    sources = [s for s in inventory.sources if s.format == format_.name]
    key = dg.AssetKey(format_.raw.name)

    @dg.multi_asset(
        name=format_.raw.name,
        specs=[
            table_asset(
                table,
                group="raw",
                kinds={"deltalake", format_.name},
                deps=[dg.AssetKey(REGISTERED)],
            )
            for table in (format_.raw, *format_.beside)
        ],
        check_specs=_check_specs(key),
        pool=WRITER_POOL,
    )
    @without_record_values
    def _raw(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, folders, day = home.lake(), home.settings().home, home.day_of(context).day
        ensure_table(lake, format_.raw)
        ensure_table(lake, QUARANTINE)
        counts: list[FileCounts] = []
        failed: list[SourceFailure] = []
        for source in sources:
            try:
                counts += load_pending(lake, folders, source, format_)
            except Exception as error:  # whatever it is, the other sources do not stand on it
                failed.append(failure("load", day, cause_of(error), source.name))
        lasting = enter_failures(lake, "load", [s.name for s in sources], failed)
        facts = format_.facts(lake)
        yield table_result(lake, format_.raw.name, extra={**_totals(counts), **facts})
        for table in format_.beside:
            ensure_table(lake, table)
            yield table_result(lake, table.name, extra=facts)
        yield up_to_date(key, lasting)
        yield _adds_up(counts, key)
        yield _keeps_promises(lake, format_, [s.name for s in sources], key)

    return _raw


def _check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    adds_up = "found = stored + duplicate + quarantined, for every file"
    promised = "Files hold as many records as their manifest or batch trailers promised"
    loaded = "The files of every source were loaded as far as they are entered in the ledger"
    return [
        up_to_date_check(key, loaded),
        # blocking: counts that do not add up mean that a record is lost
        dg.AssetCheckSpec(ADD_UP, asset=key, blocking=True, description=adds_up),
        # not blocking: what came is accounted for; what did not come, only its sender can mend
        dg.AssetCheckSpec(PROMISED, asset=key, description=promised),
    ]


def _keeps_promises(
    lake: Lake, format_: Format, sources: list[str], key: dg.AssetKey
) -> dg.AssetCheckResult:
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        # over all files ever loaded, not those of this night: what came short is still short
        files = connection.execute(
            "select source, received, promised, found from ledger"
            " where promised <> found and state <> 'ignored' and list_contains(?, source)"
            " order by source, received",
            [sources],
        ).fetchall()
    places = [f"{s} #{n}: promised {promised}, found {found}" for s, n, promised, found in files]
    places += format_.broken_promises(lake)
    return dg.AssetCheckResult(
        check_name=PROMISED,
        asset_key=key,
        passed=not places,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(places)} count(s) differ from what was promised" if places else None,
        metadata={"files_with_other_counts": len(files), "where": places[:_SHOWN]},
    )


def _totals(counts: Iterable[FileCounts]) -> dict[str, Any]:
    done = list(counts)
    return {
        "files_loaded": len(done),
        "found": sum(c.found for c in done),
        "stored": sum(c.stored for c in done),
        "duplicate": sum(c.duplicate for c in done),
        "quarantined": sum(c.quarantined for c in done),
    }


def _adds_up(counts: Iterable[FileCounts], key: dg.AssetKey) -> dg.AssetCheckResult:
    wrong = [c.received for c in counts if c.found != c.stored + c.duplicate + c.quarantined]
    return dg.AssetCheckResult(
        check_name=ADD_UP,
        asset_key=key,
        passed=not wrong,
        metadata={"files_that_do_not_add_up": len(wrong)},
    )
