"""Queries that people write read released tables, and neither read nor write anything else."""

from pathlib import Path

import pyarrow as pa
import pytest

from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import Column, Lake, TableSpec, write

SPEC = TableSpec(
    name="file",
    columns=(
        Column("source", "VARCHAR", Phi.N, is_ours=True),
        Column("n", "BIGINT", Phi.N),
    ),
    partition_by=("source",),
)


@pytest.fixture
def filled(settings: Settings) -> Settings:
    write(
        Lake(settings.home.lake),
        SPEC,
        pa.table({"source": ["adt", "ehr"], "n": [1, 2]}),
        mode="append",
    )
    outgoing = settings.home.outbox / "call_center" / "list.csv"
    outgoing.parent.mkdir(parents=True)
    outgoing.write_text("a patient")
    return settings


READING = {
    "select sum(n) as n from file where source = 'ehr'": [{"n": 2}],
    "with one as (from file) select count(*) as n from one": [{"n": 2}],
    "values (1)": [{"col0": 1}],
}


@pytest.mark.parametrize("query", READING)
@pytest.mark.parametrize("unreleased", [False, True])
def test_a_select_is_answered(filled: Settings, query: str, *, unreleased: bool) -> None:
    with open_released(filled, unreleased=unreleased) as connection:
        assert select(connection, query) == READING[query]


@pytest.mark.parametrize(
    "query",
    [
        "show tables",
        "describe file",
        "summarize file",
        "explain select n from file",
        "EXPLAIN ANALYZE select n from file",
    ],
)
def test_what_describes_tables_and_queries_is_answered(filled: Settings, query: str) -> None:
    with open_released(filled) as connection:
        assert select(connection, query)


FORBIDDEN = [
    "copy (select 1) to '{out}'",
    "explain analyze copy (select 1) to '{out}'",
    "explain /**/ analyze copy (select 1) to '{out}'",
    "explain (analyze) copy (select 1) to '{out}'",
    "explain explain analyze copy (select 1) to '{out}'",
    "explain analyze copy (select 1) to '{parquet}' (format parquet)",
    "select * from read_text('{out}')",
    "select * from read_blob('{out}')",
    "select * from read_csv('{out}')",
    "select * from '{out}'",
    "select * from glob('{home}/**')",
    "select * from parquet_metadata('{other}')",
    "select * from read_parquet('{other}')",
    "select * from query('copy (select 1) to ''{out}''')",
    "select * from enable_logging('QueryLog', storage='file', storage_path='{home}/outbox')",
    "attach '{home}/outbox/x.duckdb'",
    "export database '{home}/outbox/x'",
    "set enable_external_access = true",
    "select 1; copy (select 1) to '{out}'",
    "create table x as select 1",
]


@pytest.mark.parametrize("query", FORBIDDEN)
def test_nothing_else_is_read_or_written(filled: Settings, query: str) -> None:
    home = filled.home.root
    other = home / "lake" / "file" / "candidate.parquet"
    with connect() as connection:
        connection.execute(f"copy (select 'a candidate' as x) to '{other}' (format parquet)")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    parquet = next(path for path in before if path.name.startswith("part-"))
    out = home / "outbox" / "call_center" / "list.csv"
    asked = query.format(out=out, home=home, other=other, parquet=parquet)
    with (
        open_released(filled) as connection,
        pytest.raises(UsageError) as refusal,
    ):
        select(connection, asked)
    assert "a patient" not in str(refusal.value)
    assert "a candidate" not in str(refusal.value)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_query_that_names_a_file_is_refused_as_such(filled: Settings) -> None:
    with (
        open_released(filled) as connection,
        pytest.raises(UsageError, match="query: names a file; expected tables of the lake alone"),
    ):
        select(connection, f"select * from read_text('{filled.home.root}/outbox/x')")


def test_what_outgrows_the_memory_spills_and_is_not_readable_on_disk(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with connect(spill=spill) as connection:
        connection.execute("set memory_limit = '100MB'")
        connection.execute(
            "create temp table x as select i, 'Zzyzxova' || md5(i::varchar) as name"
            " from range(4_000_000) as r(i)"
        )
        files = [path for path in spill.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) > 10 * 2**20
        assert not any(b"Zzyzxova" in path.read_bytes() for path in files)
        assert connection.execute("select count(*) from x").fetchall() == [(4_000_000,)]
