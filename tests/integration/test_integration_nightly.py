import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from simulated import DAYS, START
from tables import fingerprints

from lakeward.core.settings import Settings, load_settings
from lakeward.lake import dbt_plugin
from lakeward.lake.candidate import store_candidate
from lakeward.lake.lock import sole_writer
from lakeward.lake.query import Connection, connect
from lakeward.lake.release import current, history
from lakeward.lake.tables import Lake, TableWrite
from lakeward.orchestration.nightly import run_day
from lakeward.quarantine.withheld import withheld

LAST = START + timedelta(days=DAYS - 1)
NOT_SIMULATED = [
    "unmapped_code",
    "master_file",
]
"""Tables of what the synthetic hospital does not state; tests of the store fill them."""
LISTS = ("messaging_vendor", "referral_desk", "bed_management")


def raw_files(settings: Settings) -> set[str]:
    return {str(p) for p in settings.home.lake.glob("raw_*/**/*.parquet")}


def test_all_contracts_are_evaluated_and_every_unit_is_released(finished: Path) -> None:
    lake = Lake(load_settings(finished).home.lake)
    assert {r.state for r in history(lake)} == {"released"}
    released = current(lake, "canonical")
    assert released is not None
    assert released.day == LAST
    with connect(lake) as connection:
        checked = connection.execute(
            'select count(distinct "table") from quality_result'
        ).fetchall()
        empty = [
            table
            for table in released.pins
            if connection.execute(f'select count(*) from "{table}"').fetchall()[0][0] == 0
        ]
    assert checked[0][0] >= len(released.pins)
    assert set(empty) <= {f"canonical__{name}" for name in NOT_SIMULATED}


def test_every_file_adds_up(finished: Path) -> None:
    with connect(Lake(load_settings(finished).home.lake)) as connection:
        wrong = connection.execute(
            "select file from ledger where state not in ('ignored')"
            " and (found is null or found <> stored + duplicate + quarantined)"
        ).fetchall()
        states = connection.execute("select distinct state from ledger order by 1").fetchall()
    assert wrong == []
    assert ("loaded",) in states


def test_each_list_is_ready_with_its_checksums(finished: Path) -> None:
    outbox = load_settings(finished).home.outbox
    for consumer in LISTS:
        folder = outbox / consumer / LAST.isoformat()
        assert (folder / "_READY").is_file(), consumer
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["files"]


def test_the_same_day_again_changes_no_row_and_writes_no_raw_file(
    finished: Path, home_of: Callable[[Path], Settings]
) -> None:
    settings = home_of(finished)
    before, files = fingerprints(settings), raw_files(settings)
    outbox = {p: p.read_bytes() for p in settings.home.outbox.rglob("*") if p.is_file()}
    assert run_day(settings, LAST).passed
    assert fingerprints(settings) == before
    assert raw_files(settings) == files
    assert {p: p.read_bytes() for p in settings.home.outbox.rglob("*") if p.is_file()} == outbox


def test_an_older_day_is_issued_again_from_its_own_release(
    finished: Path, home_of: Callable[[Path], Settings]
) -> None:
    settings = home_of(finished)
    before = fingerprints(settings)
    night = run_day(settings, START)
    assert night.passed
    assert night.job == "publish"
    assert fingerprints(settings) == before


def keys_twice(lake: Lake, connection: Connection, table: str, sql: str) -> TableWrite | None:
    """Put every key twice into the candidate of canonical__patient: no fault of a record."""
    if table == "canonical__patient":
        sql = f"select * from ({sql}) union all select * from ({sql})"
    return store_candidate(lake, connection, table, sql)


def test_a_broken_key_is_not_released_and_lists_say_so_until_the_next_night(
    first_night: Path, home_of: Callable[[Path], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = home_of(first_night)
    lake = Lake(settings.home.lake)
    good = current(lake, "canonical")
    with monkeypatch.context() as patched:
        patched.setattr(dbt_plugin, "store_candidate", keys_twice)
        # without records that are to blame the store is built again, in vain here: once is enough
        patched.setattr("lakeward.assets.leaving_out.ROUNDS", 1)
        night = run_day(settings, LAST)
    assert not night.passed
    assert any("canonical__patient" in check for check in night.broken)
    assert current(lake, "canonical") == good

    reminders = settings.home.outbox / "messaging_vendor" / LAST.isoformat()
    blocked = json.loads((reminders / "_BLOCKED.json").read_text())
    assert "canonical__patient" in json.dumps(blocked)
    assert not (reminders / "_READY").exists()
    assert not list(reminders.glob("*.csv"))
    for consumer in set(LISTS) - {"messaging_vendor"}:
        folder = settings.home.outbox / consumer / LAST.isoformat()
        assert (folder / "_READY").is_file()
        assert json.loads((folder / "manifest.json").read_text())["stale"]

    # what a held night withheld, the next one reads again
    assert withheld(lake) == []
    assert run_day(settings, LAST).passed
    assert (reminders / "_READY").is_file()
    assert not (reminders / "_BLOCKED.json").exists()


def test_a_second_run_at_once_is_refused_and_says_so(
    delivered: Path, home_of: Callable[[Path], Settings]
) -> None:
    settings = home_of(delivered)
    with sole_writer(settings.home):
        night = run_day(settings, START)
    assert not night.passed
    assert "another run is writing this lake" in night.failures[0].cause
