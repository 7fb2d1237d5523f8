"""Golden batches: what each message becomes in the flat tables, valued columns only.

`LAKEWARD_REGENERATE=1` writes the expectations again; read the difference before it is committed.
"""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.paths import Home
from lakeward.hl7v2.raw.load import flat_tables, flatten, load
from lakeward.lake.query import connect
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hl7v2"
HIDDEN = ("source", "received", "file", "day")


@pytest.mark.parametrize("case", sorted(p.parent.name for p in GOLDEN.glob("*/input.hl7")))
def test_flat_rows(lake, tmp_path, case):
    folder = GOLDEN / case
    size = (folder / "input.hl7").stat().st_size
    file = LedgerFile("adt_hl7", 1, date(2024, 3, 11), "input.hl7", "", size, None)
    (count,) = load(lake, folder, load_inventory(Home(tmp_path)).source("adt_hl7"), [file])
    flatten(lake)
    found = {"found": count.found, "stored": count.stored} | flat_rows(lake)
    expected = folder / "expected.json"
    if os.environ.get("LAKEWARD_REGENERATE"):
        expected.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert found == json.loads(expected.read_text("utf-8"))


def flat_rows(lake) -> dict[str, list[dict]]:
    tables = {}
    with connect(lake) as connection:
        for table in flat_tables():
            sql = f"select * from {table.name} order by message, segment"
            rows = connection.sql(sql).to_arrow_table().to_pylist()
            tables[table.name] = [
                {
                    name: value if isinstance(value, int) else str(value)
                    for name, value in row.items()
                    if value is not None and name not in HIDDEN
                }
                for row in rows
            ]
    return {name: rows for name, rows in tables.items() if rows}
