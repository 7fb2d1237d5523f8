"""A scratch home shows the lake, takes writes of its own and leaves the real one as it was."""

from pathlib import Path

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.scratch import scratch_home
from lakeward.lake.tables import Column, Lake, TableSpec, amend, write

SPEC = TableSpec(
    name="thing",
    columns=(Column("id", "VARCHAR", Phi.N, is_ours=True), Column("text", "VARCHAR", Phi.DI)),
)


def rows(*ids: str) -> pa.Table:
    return pa.table({"id": list(ids), "text": [f"of {i}" for i in ids]})


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def shown(lake: Lake) -> list[tuple[str, str]]:
    with connect(lake) as connection:
        return connection.execute("select id, text from thing order by id").fetchall()


def test_what_is_done_in_a_scratch_home_stays_there(settings: Settings, lake: Lake) -> None:
    for n in range(12):  # past a checkpoint of the log
        write(lake, SPEC, rows(f"{n:02}"), mode="append")
    (settings.home.root / "sources.yaml").write_text("of the deployment")
    before = bytes_below(settings.home.lake)
    with scratch_home(settings.home) as scratch:
        tried = Lake(scratch.lake)
        assert shown(tried) == shown(lake)
        amend(tried, SPEC, "id", pa.table({"id": ["03"], "text": ["amended"]}))
        write(tried, SPEC, rows("x"), mode="append")
        assert ("03", "amended") in shown(tried)
        write(tried, SPEC, rows("y"), mode="overwrite")
        assert shown(tried) == [("y", "of y")]
        assert (scratch.root / "sources.yaml").read_text() == "of the deployment"
        root = scratch.root
    assert not root.exists()
    assert bytes_below(settings.home.lake) == before


def test_tables_can_be_named_and_need_not_exist(settings: Settings, lake: Lake) -> None:
    write(lake, SPEC, rows("a"), mode="append")
    with scratch_home(settings.home, ["none"]) as scratch:
        assert not Lake(scratch.lake).path("thing").exists()
        assert scratch.landing.is_dir()


def test_what_a_kill_left_is_removed_by_the_next(settings: Settings, lake: Lake) -> None:
    write(lake, SPEC, rows("a"), mode="append")
    left = settings.home.work / "scratch" / "left" / "lake"
    left.mkdir(parents=True)
    with scratch_home(settings.home):
        assert not left.exists()
