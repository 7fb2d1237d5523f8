"""A query that needs more than its limit spills into the home, and nothing is left of it."""

import os
from pathlib import Path

import pytest

from lakeward.core.settings import Settings
from lakeward.lake.lock import sole_writer
from lakeward.lake.memory import spill_of, sweep_spill
from lakeward.lake.query import DatabaseError, connect
from lakeward.lake.tables import Lake

LARGE = (
    "create temp table t as select range as n, md5(range::text) || sha256(range::text) as x"
    " from range(8000000)"
)
"""About 900 MB of rows."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEWARD_MEMORY", "512MB")


@pytest.mark.usefixtures("small")
def test_more_rows_than_memory_are_spilled_and_cleaned(settings: Settings) -> None:
    settings.home.lake.mkdir(parents=True)
    lake = Lake(settings.home.lake)
    spill = spill_of(lake)
    assert spill == settings.home.work / "spill"
    with connect(lake) as connection:
        limit, threads, folder = connection.execute(
            "select current_setting('memory_limit'), current_setting('threads'),"
            " current_setting('temp_directory')"
        ).fetchall()[0]
        assert limit == "512.0 MiB"
        assert 1 <= threads <= 2
        assert folder == str(spill / str(os.getpid()))
        connection.execute(LARGE)
        held = sum(p.stat().st_size for p in spill.rglob("*") if p.is_file())
        assert held > 50 << 20
        assert connection.execute("select count(distinct x) from t").fetchall() == [(8_000_000,)]
    assert [p for p in spill.rglob("*") if p.is_file()] == []


@pytest.mark.usefixtures("small")
def test_a_connection_of_no_home_does_not_spill(tmp_path: Path) -> None:
    with connect(Lake(tmp_path / "elsewhere")) as connection, pytest.raises(DatabaseError):
        connection.execute(LARGE)


def test_what_a_killed_process_left_is_removed(settings: Settings) -> None:
    spill = settings.home.work / "spill"
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    for name in (str(dead), str(os.getpid()), str(os.getppid())):
        (spill / name).mkdir(parents=True)
        (spill / name / "duckdb_temp_storage-0.tmp").write_bytes(b"rows")
    (spill / "of_an_older_release.tmp").write_bytes(b"rows")
    with sole_writer(settings.home):
        sweep_spill(spill)
    assert {p.name for p in spill.iterdir()} == {str(os.getpid()), str(os.getppid())}
