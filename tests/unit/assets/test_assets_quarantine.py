"""The asset `quarantine` reports what is open, replayed and discarded, by source and reason."""

from datetime import date

import dagster as dg
import pyarrow as pa

from lakeward.assets.home import LakewardHome
from lakeward.assets.quarantine import quarantine_asset
from lakeward.core.settings import Settings
from lakeward.lake.tables import Lake, Transaction, arrow_schema, write
from lakeward.quarantine.table import QUARANTINE


def test_counts_by_state_reason_and_source(settings: Settings, lake: Lake) -> None:
    row = {
        "received": 1,
        "day": date(2026, 1, 5),
        "file": "adt/2026-01-05/a.hl7",
        "byte_offset": 0,
        "byte_length": 1,
        "detail": "",
        "state": "open",
        "content": b"x",
    }
    kinds = [("adt", "no_msh"), ("adt", "no_msh"), ("ehr", "missing_id")]
    rows = [
        {**row, "source": s, "reason": r, "quarantine_id": f"{n}", "place": f"{n}", "position": n}
        for n, (s, r) in enumerate(kinds, start=1)
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(QUARANTINE))
    write(lake, QUARANTINE, table, mode="append", transaction=Transaction("adt", 1))
    result = dg.materialize(
        [quarantine_asset()], resources={"home": LakewardHome(root=str(settings.home.root))}
    )
    (event,) = result.get_asset_materialization_events()
    reported = {name: entry.value for name, entry in event.materialization.metadata.items()}
    assert (reported["open"], reported["replayed"], reported["discarded"]) == (3, 0, 0)
    assert (reported["reason/no_msh"], reported["reason/missing_id"]) == (2, 1)
    assert reported["waiting_for_a_run"] == 0
    records = event.materialization.metadata["by_source_and_reason"].records
    assert [record.data for record in records] == [
        {"source": "adt", "reason": "no_msh", "state": "open", "records": 2},
        {"source": "ehr", "reason": "missing_id", "state": "open", "records": 1},
    ]
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description is not None
    assert check.description.startswith("3 record(s) open: 2 of adt, 1 of ehr;")


def test_without_open_records_the_check_passes(settings: Settings) -> None:
    result = dg.materialize(
        [quarantine_asset()], resources={"home": LakewardHome(root=str(settings.home.root))}
    )
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
