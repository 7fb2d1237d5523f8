from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lakeward.core.errors import DamagedError
from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.lake.data_files import damage_in, damage_of
from lakeward.lake.query import connect, snapshot
from lakeward.lake.release import Decision, decide
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import Column, Lake, TableSpec, write

SPEC = TableSpec(
    name="person",
    columns=(Column("kind", "VARCHAR", Phi.N, is_ours=True), Column("n", "BIGINT", Phi.N)),
    partition_by=("kind",),
)
DAY, AS_OF = date(2026, 1, 5), datetime(2026, 1, 6, 5, tzinfo=UTC)
OTHER = TableSpec(name="other", columns=(Column("n", "BIGINT", Phi.N),))


def fill(lake: Lake) -> list[Path]:
    """Write two tables; return the files of the first, in folders that the log encodes."""
    kinds = ["a b", "ü?", "2026"]
    write(lake, SPEC, pa.table({"kind": kinds, "n": [1, 2, 3]}), mode="append")
    write(lake, OTHER, pa.table({"n": [7]}), mode="append")
    return sorted(lake.path("person").rglob("*.parquet"))


@pytest.mark.parametrize("name", ["Klinik Süd", "a*b", "a'b", "a%b", "a;b&c=d"])
def test_a_lake_may_lie_below_any_usual_name(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path / name)
    fill(lake)
    with connect(lake) as connection:
        found = connection.execute("select kind, n from person order by n").fetchall()
    assert found == [("a b", 1), ("ü?", 2), ("2026", 3)]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_a_damaged_table_is_named_and_the_others_answer(settings: Settings, harm) -> None:
    lake = Lake(settings.home.lake)
    for file in fill(lake):
        harm(file)
    with open_released(settings) as connection:
        for query in (
            "select count(*) from person",
            "select kind from person",
            "select 1 from person where n = 5",
            "select o.n from other as o left join person as p on p.n = o.n",
        ):
            with pytest.raises(DamagedError, match=r"^table person: data file person/kind=.*part-"):
                select(connection, query)
        assert select(connection, "select n from other") == [{"n": 7}]


def test_one_of_several_files_is_found_when_it_is_read(settings: Settings) -> None:
    lake = Lake(settings.home.lake)
    *_, last = fill(lake)
    last.unlink()
    with (
        open_released(settings) as connection,
        pytest.raises(DamagedError, match=last.name),
    ):
        select(connection, "select sum(n) from person")


def test_a_step_that_names_a_damaged_table_is_refused(lake: Lake) -> None:
    for file in fill(lake):
        file.unlink()
    with pytest.raises(DamagedError, match="table person"), connect(lake, tables=["person"]):
        pass
    assert damage_of(lake, "other", 0) is None


def test_a_text_that_quotes_a_record_is_no_damage() -> None:
    assert damage_in("Conversion Error: Could not convert 'scans/Aster.parquet'") is None


def empty(commit: Path) -> None:
    commit.write_bytes(b"")


def half(commit: Path) -> None:
    commit.write_bytes(commit.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("harm", "said"), [(empty, "is empty"), (half, "is cut off"), (Path.unlink, "is missing")]
)
def test_a_damaged_log_is_named_and_the_others_answer(settings: Settings, harm, said: str) -> None:
    lake = Lake(settings.home.lake)
    fill(lake)
    write(lake, SPEC, pa.table({"kind": ["a b"], "n": [4]}), mode="append")
    decision = Decision("demo", {"person": 2, "other": 1}, DAY, AS_OF, "1.0.0", (), "test")
    decide(lake, decision)
    harm(lake.path("person") / "_delta_log" / f"{2:020}.json")
    match = f"^table person: log file person/_delta_log/{2:020}.json {said}"
    with open_released(settings) as connection:
        with pytest.raises(DamagedError, match=match):
            select(connection, "select count(*) from person")
        assert select(connection, "select n from other") == [{"n": 7}]
    with pytest.raises(DamagedError, match=match):
        snapshot(lake, "person", 2)
    damage = damage_of(lake, "person", 2)
    assert damage is not None
    assert said in str(damage)
    # a version before it is whole, and a release that pins it still answers
    assert snapshot(lake, "person", 1) is not None


def test_nothing_is_written_after_an_empty_commit(lake: Lake) -> None:
    fill(lake)
    empty(lake.path("person") / "_delta_log" / f"{1:020}.json")
    with pytest.raises(DamagedError, match="is empty"):
        write(lake, SPEC, pa.table({"kind": ["a b"], "n": [4]}), mode="append")


def test_a_checkpoint_stands_for_what_came_before(lake: Lake) -> None:
    for n in range(11):
        write(lake, OTHER, pa.table({"n": [n]}), mode="append")
    empty(lake.path("other") / "_delta_log" / f"{3:020}.json")
    assert damage_of(lake, "other", 11) is None
    with pytest.raises(DamagedError, match=f"{3:020}"):
        snapshot(lake, "other", 5)
