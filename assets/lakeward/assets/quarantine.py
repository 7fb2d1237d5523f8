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
        pool=WRITER_POOL,
    )
    @without_record_values
    def _quarantine(home: LakewardHome) -> Iterator[dg.MaterializeResult[None]]:
        lake = home.lake()
        ensure_table(lake, QUARANTINE)
        # after raw: whether a replay was loaded follows from what the ledger says of its file
        written = update_states(lake)
        counts = _counts(find(lake, Selection()))
        yield table_result(lake, QUARANTINE.name, written, extra=counts)

    return _quarantine


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
