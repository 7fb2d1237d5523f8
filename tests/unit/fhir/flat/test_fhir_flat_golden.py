"""Golden resources through load and flatten: the rows of every packaged view.

`make golden` writes the expectations again; read the difference before it is committed.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.paths import Home
from lakeward.fhir.flat.view_rows import flatten_views as flatten
from lakeward.fhir.raw.load import load
from lakeward.fhir.view_tables import LEADING_COLUMNS, flat_tables
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Lake, arrow_schema
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "fhir_views"
PLACE = ("id", "version_id", "last_updated")


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The lake after the golden resources were landed and flattened."""
    home = Home(tmp_path_factory.mktemp("golden") / "home")
    lake, source = Lake(home.lake), load_inventory(home).source("ehr_fhir")
    files = []
    for number, path in enumerate(sorted((GOLDEN / "input").glob("*.ndjson")), start=1):
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        day = date(2026, 2, 28)
        files.append(LedgerFile(source.name, number, day, path.name, sha, 1, None))
    counts = load(lake, GOLDEN / "input", source, files)
    assert all(count.found == count.stored > 0 for count in counts)
    flatten(lake)
    with connect(lake) as connection:
        yield connection


@pytest.mark.parametrize("table", flat_tables(), ids=lambda table: table.name)
def test_rows(flat: Connection, tmp_path: Path, table, golden) -> None:  # type: ignore[no-untyped-def]
    own = [column.name for column in table.columns[len(LEADING_COLUMNS) :]]
    names = ", ".join(f'"{name}"' for name in (*PLACE, *own))
    repeats = [name for name in own if name.endswith("ordinal")]
    order = ", ".join(("received", "line", *repeats))
    query = f"select {names} from {table.name} order by {order}"
    rows = flat.sql(query).to_arrow_table()
    assert rows.select(own).schema == arrow_schema(table).empty_table().select(own).schema
    empty = [name for name in own if rows[name].null_count == rows.num_rows]
    assert not empty, "no golden resource has these"
    out = tmp_path / "rows.csv"
    flat.execute(f"copy ({query}) to '{out}' (format csv, header)")
    expected = GOLDEN / "expected" / f"{table.name.removeprefix('fhir__')}.csv"
    golden(expected, out.read_text("utf-8"))


def test_every_expectation_has_its_view() -> None:
    stored = {path.stem for path in (GOLDEN / "expected").glob("*.csv")}
    assert stored == {table.name.removeprefix("fhir__") for table in flat_tables()}
