"""The asset of rejected records: their states brought up to date after loading, and counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.formats import FORMATS
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.lake.tables import ensure_table
from lakeward.quarantine.records import Rejected, Selection, count_by_reason, find
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.trail import update_states

NONE_OPEN = "none_open"


def quarantine_asset() -> dg.AssetsDefinition:
    """Build the asset `quarantine`: rejected records by interface, reason and state."""

    @dg.multi_asset(
        name="quarantine",
        specs=[
            table_asset(
                QUARANTINE,
                group="raw",
                kinds={"deltalake"},
                deps=[dg.AssetKey(each.raw.name) for each in FORMATS],
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                NONE_OPEN,
                asset=QUARANTINE.name,
                description="No rejected record waits for somebody to correct or discard it",
            )
        ],
        pool=WRITER_POOL,
    )
    @without_record_values
    def _quarantine(
        home: LakewardHome,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake = home.lake()
        ensure_table(lake, QUARANTINE)
        # after raw: whether a replay was loaded follows from what the ledger says of its file
        written = update_states(lake)
        records = find(lake, Selection())
        yield table_result(lake, QUARANTINE.name, written, extra=_counts(records))
        yield _none_open(records)

    return _quarantine


def _none_open(records: Sequence[Rejected]) -> dg.AssetCheckResult:
    """Check whether records are open, and count them by interface."""
    by_source = Counter(record.source for record in records if record.state == "open")
    named = ", ".join(f"{count} of {source}" for source, count in sorted(by_source.items()))
    return dg.AssetCheckResult(
        check_name=NONE_OPEN,
        asset_key=QUARANTINE.name,
        passed=not by_source,
        # what it means for a list is decided by the coverage of its sources
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{by_source.total()} record(s) open: {named};"
        " `lakeward quarantine list --state open`"
        if named
        else None,
        metadata=dict(by_source),
    )


def _counts(records: Sequence[Rejected]) -> dict[str, Any]:
    """Count rejected records by state, and by interface, reason and state."""
    rows = count_by_reason(records)
    states = {s: sum(r.state == s for r in records) for s in ("open", "replayed", "discarded")}
    open_for = Counter(record.reason for record in records if record.state == "open")
    kinds = {"source": "string", "reason": "string", "state": "string", "records": "int"}
    table = dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(n, k) for n, k in kinds.items()]),
    )
    return {
        **states,
        "waiting_for_a_run": sum(record.is_waiting for record in records),
        **{f"reason/{reason}": number for reason, number in sorted(open_for.items())},
        "by_source_and_reason": table,
    }
