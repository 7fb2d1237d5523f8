"""What makes a night faster changes nothing that outlives it."""

from pathlib import Path

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import create_engine

from lakeward.orchestration.warm_start import open_databases


def test_an_engine_is_kept_for_each_database_and_dagster_gets_its_own_back(tmp_path: Path) -> None:
    one, other = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "other"))
    with open_databases():
        first = sqlite_event_log.create_engine(one)
        assert sqlite_event_log.create_engine(one) is first
        assert sqlite_event_log.create_engine(other) is not first
    assert sqlite_event_log.create_engine is create_engine
    # closed: nothing of the night keeps the file open
    (tmp_path / "one.db").unlink()
