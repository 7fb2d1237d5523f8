from dataclasses import replace

import pyarrow as pa
import pytest

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi
from lakeward.lake import tables
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    Transaction,
    amend,
    content_of,
    ensure_table,
    newest_version,
    open_table,
    transaction_version,
    write,
)

SPEC = TableSpec(
    name="person",
    columns=(
        Column("kind", "VARCHAR", Phi.N, is_ours=True),
        Column("code", "VARCHAR", Phi.N),
        Column("name", "VARCHAR", Phi.DI),
        Column("born", "DATE", Phi.QI),
        Column("aliases", "VARCHAR[]", Phi.DI),
        Column("n", "BIGINT", Phi.N),
    ),
    partition_by=("kind",),
)
CANARY = "Zzyzxova"


def rows(*numbers: int) -> pa.Table:
    return pa.table(
        {
            "n": list(numbers),
            "code": [f"{CANARY}{n}" for n in numbers],
            "name": [f"{CANARY}{n}" for n in numbers],
            "kind": [f"k{n % 2}" for n in numbers],
            "aliases": [[CANARY] for _ in numbers],
            "born": pa.array([None for _ in numbers], pa.date32()),
        }
    )


def test_an_empty_table_has_its_columns(lake: Lake) -> None:
    ensure_table(lake, SPEC)
    with connect(lake) as connection:
        relation = connection.sql("select * from person")
        assert relation.columns == [c.name for c in SPEC.columns]
        assert relation.fetchall() == []


def test_rows_come_back_in_spec_order_whatever_order_they_came_in(lake: Lake) -> None:
    write(lake, SPEC, rows(1, 2), mode="append")
    with connect(lake) as connection:
        found = connection.execute("select kind, n from person order by n").fetchall()
    assert found == [("k1", 1), ("k0", 2)]


def test_a_reader_is_streamed(lake: Lake) -> None:
    result = write(lake, SPEC, rows(1, 2, 3).to_reader(), mode="append")
    assert result.rows == 3


def test_a_transaction_is_remembered(lake: Lake) -> None:
    assert transaction_version(lake, "person", "feed") is None
    write(lake, SPEC, rows(1), mode="append", transaction=Transaction("feed", 7))
    assert transaction_version(lake, "person", "feed") == 7
    assert transaction_version(lake, "person", "other") is None


def test_content_is_remembered_with_its_version_only(lake: Lake) -> None:
    write(lake, SPEC, rows(1), mode="overwrite", content="abc")
    assert content_of(lake, "person") == "abc"
    write(lake, SPEC, rows(2), mode="append")
    assert content_of(lake, "person") is None


def test_a_pinned_version_does_not_move(lake: Lake) -> None:
    first = write(lake, SPEC, rows(1), mode="append")
    write(lake, SPEC, rows(2), mode="append")
    with connect(lake, pins={"person": first.version}) as connection:
        assert connection.execute("select count(*) from person").fetchall() == [(1,)]


def test_neither_a_value_of_a_phi_column_nor_text_of_a_record_stands_in_log_or_footer(
    lake: Lake,
) -> None:
    for n in range(12):  # past the tenth commit, so that a checkpoint would be written too
        write(lake, SPEC, rows(n), mode="append")
    opened = open_table(lake, "person")
    assert opened is not None
    opened.create_checkpoint()
    logs = list((lake.path("person") / "_delta_log").iterdir())
    assert any(log.name.endswith(".checkpoint.parquet") for log in logs)
    for log in logs:
        assert CANARY.encode() not in log.read_bytes()
    for file in lake.path("person").glob("**/*.parquet"):
        content = file.read_bytes()
        footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        assert CANARY.encode() not in footer


def test_numbers_without_phi_keep_their_statistics(lake: Lake) -> None:
    write(lake, SPEC, rows(5, 7), mode="append")
    log = "".join(p.read_text() for p in (lake.path("person") / "_delta_log").glob("*.json"))
    assert '\\"maxValues\\":{\\"n\\":' in log


def test_text_of_ours_keeps_its_statistics(lake: Lake) -> None:
    spec = TableSpec(name="file", columns=(Column("source", "VARCHAR", Phi.N, is_ours=True),))
    write(lake, spec, pa.table({"source": ["adt"]}), mode="append")
    log = "".join(p.read_text() for p in (lake.path("file") / "_delta_log").glob("*.json"))
    assert '\\"maxValues\\":{\\"source\\":\\"adt\\"}' in log


def test_a_table_from_before_gives_up_statistics_of_text(lake: Lake) -> None:
    before = replace(SPEC, columns=tuple(replace(c, is_ours=True) for c in SPEC.columns))
    write(lake, before, rows(1), mode="append")
    for number in (2, 3):
        write(lake, SPEC, rows(number), mode="append")
    newest = newest_version(lake, "person") or 0
    log = (lake.path("person") / "_delta_log" / f"{newest:020}.json").read_text()
    assert f"{CANARY}3" not in log
    assert newest == 4  # the properties were set once


def test_text_of_a_record_is_refused_as_partition() -> None:
    columns = (Column("code", "VARCHAR", Phi.N),)
    with pytest.raises(SpecError, match=r"partition column code is .* text of a record"):
        TableSpec(name="bad", columns=columns, partition_by=("code",))


def test_a_phi_column_is_refused_as_partition() -> None:
    with pytest.raises(SpecError, match="partition column name is not classed N"):
        TableSpec(name="bad", columns=(Column("name", "VARCHAR"),), partition_by=("name",))


def test_a_table_that_does_not_exist_has_no_snapshot(lake: Lake) -> None:
    assert snapshot(lake, "nowhere") is None


def test_amended_columns_change_in_place_and_log_no_value(lake: Lake) -> None:
    write(lake, SPEC, rows(1, 2, 3), mode="append", transaction=Transaction("app", 5))
    changes = pa.table({"n": [2, 3, 9], "name": ["Nnnnova", "Nnnnova", "Nnnnova"]})
    done = amend(lake, SPEC, "n", changes)
    with connect(lake) as connection:
        found = connection.execute("select n, name, aliases from person order by n").fetchall()
    assert found == [
        (1, f"{CANARY}1", [CANARY]),
        (2, "Nnnnova", [CANARY]),
        (3, "Nnnnova", [CANARY]),
    ]
    assert transaction_version(lake, "person", "app") == 5
    assert (done.version, done.rows) == (newest_version(lake, "person"), 2)
    text = "".join(p.read_text() for p in lake.path("person").glob("_delta_log/*.json"))
    assert CANARY not in text
    assert "Nnnnova" not in text
    for path in lake.path("person").rglob("*.parquet"):
        content = path.read_bytes()
        footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        assert CANARY.encode() not in footer
        assert b"Nnnnova" not in footer


def test_a_key_that_may_name_somebody_amends_nothing(lake: Lake) -> None:
    write(lake, SPEC, rows(1), mode="append")
    with pytest.raises(SpecError, match="not classed N"):
        amend(lake, SPEC, "name", pa.table({"name": ["x"], "n": [1]}))


def test_a_pinned_version_is_that_version_while_another_process_commits(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(lake, SPEC, rows(1), mode="append")
    write(lake, SPEC, rows(2), mode="append")
    # a reader looked at the log a moment before the second commit, and opens the table after it
    monkeypatch.setattr(tables, "newest_version", lambda *_: first.version)
    opened = open_table(lake, "person", first.version)
    assert opened is not None
    assert opened.version() == first.version
