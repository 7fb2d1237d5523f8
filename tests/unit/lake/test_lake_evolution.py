"""A lake that an older version wrote: tables take on new columns, old versions still read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    arrow_schema,
    content_of,
    ensure_table,
    newest_version,
    write,
)

OLD = TableSpec(
    "thing",
    (
        Column("kind", "VARCHAR", Phi.N, is_ours=True),
        Column("name", "VARCHAR", Phi.DI),
        Column("gone", "BIGINT", Phi.N),
    ),
    partition_by=("kind",),
)
NEW = replace(
    OLD,
    columns=(
        Column("kind", "VARCHAR", Phi.N, is_ours=True),
        Column("given", "VARCHAR[]", Phi.DI),
        Column("name", "VARCHAR", Phi.DI),
        Column("at", "TIMESTAMP WITH TIME ZONE", Phi.N),
    ),
)


def rows(spec: TableSpec, *values: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(values), schema=arrow_schema(spec))


def ask(lake: Lake, version: int | None = None) -> list[dict[str, Any]]:
    pins = {} if version is None else {"thing": version}
    with connect(lake, tables=["thing"], pins=pins) as connection:
        return connection.sql("select * from thing order by name").to_arrow_table().to_pylist()


def test_rows_of_a_newer_spec_join_those_of_an_older_one(lake: Lake) -> None:
    write(lake, OLD, rows(OLD, {"kind": "a", "name": "x", "gone": 1}), mode="append")
    old = newest_version(lake, "thing")
    new = rows(NEW, {"kind": "a", "name": "y", "given": ["g"]}, {"kind": "b", "name": "z"})
    write(lake, NEW, new, mode="append")
    none = {"gone": None, "given": None, "at": None}
    assert ask(lake) == [
        {"kind": "a", "name": "x", **none, "gone": 1},
        {"kind": "a", "name": "y", **none, "given": ["g"]},
        {"kind": "b", "name": "z", **none},
    ]
    assert ask(lake, old) == [{"kind": "a", "name": "x", "gone": 1}]


def test_readers_of_a_table_that_only_gained_the_columns_see_them(lake: Lake) -> None:
    write(lake, OLD, rows(OLD, {"kind": "a", "name": "x", "gone": 1}), mode="append")
    ensure_table(lake, NEW)
    assert ask(lake) == [{"kind": "a", "name": "x", "gone": 1, "given": None, "at": None}]
    version = newest_version(lake, "thing")
    ensure_table(lake, NEW)
    assert newest_version(lake, "thing") == version


def test_only_a_table_that_was_changed_pays_for_matching_by_name(lake: Lake) -> None:
    write(lake, OLD, rows(OLD, {"kind": "a"}), mode="append")
    before = snapshot(lake, "thing")
    ensure_table(lake, NEW)
    after = snapshot(lake, "thing")
    assert before is not None
    assert after is not None
    assert (before.by_name, after.by_name) == (False, True)


def test_a_new_column_keeps_its_class(lake: Lake) -> None:
    ensure_table(lake, OLD)
    secret = replace(NEW, columns=(*NEW.columns, Column("secret", "VARCHAR", Phi.DI)))
    write(lake, secret, rows(secret, {"kind": "a", "secret": "canary-value"}), mode="append")
    log = "".join(p.read_text() for p in (lake.path("thing") / "_delta_log").glob("*.json"))
    assert "canary-value" not in log
    (uri,) = DeltaTable(lake.path("thing")).file_uris()
    footer = pq.ParquetFile(uri).metadata
    names = [footer.row_group(0).column(n).path_in_schema for n in range(footer.num_columns)]
    assert footer.row_group(0).column(names.index("secret")).statistics is None


def test_a_retyped_column_is_refused_where_rows_stay(lake: Lake) -> None:
    write(lake, OLD, rows(OLD, {"kind": "a", "gone": 1}), mode="append")
    retyped = replace(OLD, columns=(*OLD.columns[:2], Column("gone", "VARCHAR", Phi.N)))
    data = rows(retyped, {"kind": "a", "gone": "1"})
    with pytest.raises(
        SpecError, match=r"table thing column gone: is .* in the lake and .* in this"
    ):
        write(lake, retyped, data, mode="append")
    write(lake, retyped, data, mode="overwrite")
    assert [row["gone"] for row in ask(lake)] == ["1"]


def test_a_column_that_the_rows_lack_by_mistake_is_an_error(lake: Lake) -> None:
    ensure_table(lake, OLD)
    with pytest.raises(Exception, match="gone"):
        write(lake, OLD, rows(OLD, {"kind": "a"}).drop_columns(["gone"]), mode="append")


def test_what_a_table_remembers_outlives_commits_that_change_no_rows(lake: Lake) -> None:
    write(lake, OLD, rows(OLD, {"kind": "a"}), mode="append", content="remembered")
    ensure_table(lake, NEW)
    table = DeltaTable(lake.path("thing"))
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert content_of(lake, "thing") == "remembered"
    write(lake, NEW, rows(NEW, {"kind": "a"}), mode="append")
    assert content_of(lake, "thing") is None
    assert content_of(lake, "nowhere") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=1, max_size=4))
def test_any_history_of_added_and_lost_columns_reads_back(
    tmp_path_factory: pytest.TempPathFactory, history: list[set[str]]
) -> None:
    lake = Lake(Path(tmp_path_factory.mktemp("lake")))
    expected, seen = [], set[str]()
    for number, names in enumerate(history):
        columns = [Column("n", "BIGINT", Phi.N), *(Column(c, "VARCHAR") for c in sorted(names))]
        spec = TableSpec("t", tuple(columns))
        row = {"n": number, **{name: f"{name}{number}" for name in names}}
        write(lake, spec, rows(spec, row), mode="append")
        expected.append(row)
        seen |= names
    with connect(lake) as connection:
        got = connection.sql("select * from t order by n").to_arrow_table().to_pylist()
    assert got == [{"n": row["n"], **{c: row.get(c) for c in seen}} for row in expected]
