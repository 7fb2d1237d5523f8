"""Assets of the raw layer: verbatim FHIR resources and HL7 v2 messages, and what was set aside."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import LakewardHome
from lakeward.assets.landing import delivery_key
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.fhir.raw import load as fhir
from lakeward.fhir.raw.unknown_elements import unknown_elements
from lakeward.hl7v2.raw import envelopes
from lakeward.hl7v2.raw import load as hl7v2
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, TableSpec, ensure_table
from lakeward.landing.ledger import LEDGER_ENTRY, FileCounts, LedgerFile
from lakeward.landing.loading import Load, load_pending
from lakeward.landing.sources import Inventory, Source
from lakeward.quarantine.table import QUARANTINE


@dataclass(frozen=True)
class Format:
    """One input format: its raw table, how it is loaded, and what else its asset tells.

    `facts` gives counts by name, over all that is stored; `broken_promises` says where the content
    itself promises another count; `beside` are tables that loading writes besides raw.
    """

    name: str
    raw: TableSpec
    load: Load
    facts: Callable[[Lake], Mapping[str, Any]] = lambda _lake: {}
    broken_promises: Callable[[Lake], Sequence[str]] = lambda _lake: ()
    beside: tuple[TableSpec, ...] = ()


def _load_fhir(
    lake: Lake, landing: Path, source: Source, files: Sequence[LedgerFile]
) -> list[FileCounts]:
    """Load with the views of the home, so that what they walk is judged."""
    return fhir.load(lake, landing, source, files, views=landing.parent / "views")


FORMATS = (
    Format("fhir", fhir.RAW, _load_fhir, unknown_elements, beside=(fhir.REPEAT,)),
    Format(
        "hl7v2",
        hl7v2.RAW,
        hl7v2.load,
        envelopes.count_envelopes,
        envelopes.broken_promises,
        (envelopes.ENVELOPES, hl7v2.REPEAT),
    ),
)

ADD_UP = "counts_add_up"
PROMISED = "promised_is_found"
_SHOWN = 100
"""How many broken promises a check lists; the tables have all."""


def raw_assets(inventory: Inventory) -> list[dg.AssetsDefinition]:
    """Make one raw asset per format."""
    return [_raw_asset(inventory, each) for each in FORMATS]


def _raw_asset(inventory: Inventory, each: Format) -> dg.AssetsDefinition:
    sources = [s for s in inventory.sources if s.format == each.name]
    key = dg.AssetKey(each.raw.name)

    @dg.multi_asset(
        name=each.raw.name,
        specs=[
            table_asset(
                table,
                group="raw",
                kinds={"deltalake", each.name},
                deps=[delivery_key(source) for source in sources],
            )
            for table in (each.raw, *each.beside)
        ],
        check_specs=_check_specs(key),
        pool=WRITER_POOL,
    )
    @told_safely
    def _raw(home: LakewardHome) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, landing = home.lake(), home.settings().home.landing
        ensure_table(lake, each.raw)
        ensure_table(lake, QUARANTINE)
        counts = [
            count for source in sources for count in load_pending(lake, landing, source, each.load)
        ]
        facts = each.facts(lake)
        yield table_result(lake, each.raw.name, extra={**_totals(counts), **facts})
        for table in each.beside:
            ensure_table(lake, table)
            yield table_result(lake, table.name, extra=facts)
        yield _adds_up(counts, key)
        yield _keeps_promises(lake, each, [s.name for s in sources], key)

    return _raw


def _check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    adds_up = "found = stored + duplicate + quarantined, for every file"
    promised = "Files hold as many records as their manifest or batch trailers promised"
    return [
        dg.AssetCheckSpec(ADD_UP, asset=key, blocking=True, description=adds_up),
        dg.AssetCheckSpec(PROMISED, asset=key, description=promised),
    ]


def _keeps_promises(
    lake: Lake, each: Format, sources: list[str], key: dg.AssetKey
) -> dg.AssetCheckResult:
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        files = connection.execute(
            "select source, received, promised, found from ledger"
            " where promised <> found and state <> 'ignored' and list_contains(?, source)"
            " order by source, received",
            [sources],
        ).fetchall()
    places = [f"{s} #{n}: promised {promised}, found {found}" for s, n, promised, found in files]
    places += each.broken_promises(lake)
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
