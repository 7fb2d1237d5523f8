from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from lakeward.contracts import load_contracts
from lakeward.core.errors import SpecError, UsageError
from lakeward.core.settings import Settings
from lakeward.lake.candidate import contract_table, store_candidate
from lakeward.lake.query import connect, snapshot
from lakeward.lake.release import (
    RELEASE,
    Decision,
    Release,
    current,
    decide,
    history,
    latest,
    rollback,
)
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import Lake, write

DAY, AS_OF = date(2026, 1, 5), datetime(2026, 1, 6, 5, tzinfo=UTC)
TABLE = "canonical__consent"


def decided(lake: Lake, pins: dict[str, int], held_by: tuple[str, ...] = ()) -> Release:
    decision = Decision(
        "canonical", pins, DAY, AS_OF, contract_version="1.0.0", held_by=held_by, run_id="r"
    )
    return decide(lake, decision)


def candidate(lake: Lake, rows: int) -> int:
    """Store a candidate with a number of empty rows; return its version."""
    columns = contract_table(load_contracts()[TABLE]).columns
    nulls = ", ".join(f'cast(null as {c.type}) as "{c.name}"' for c in columns)
    with connect(lake) as connection:
        store_candidate(lake, connection, TABLE, f"select {nulls} from range({rows})")
    pinned = snapshot(lake, TABLE)
    assert pinned is not None
    return pinned.version


def test_the_current_release_is_the_last_good_one(lake: Lake) -> None:
    good = decided(lake, {TABLE: 1})
    bad = decided(lake, {TABLE: 2}, held_by=("canonical__consent.key",))
    assert current(lake, "canonical") == good
    assert latest(lake, "canonical") == bad


def test_a_decision_is_not_repeated(lake: Lake) -> None:
    first = decided(lake, {TABLE: 1})
    assert decided(lake, {TABLE: 1}) == first
    assert len(history(lake)) == 1


def test_rows_of_a_site_are_recorded_and_make_another_decision(lake: Lake) -> None:
    as_packaged = decided(lake, {TABLE: 1})
    stamps = ("authority 00ab", "queue_type 00cd")
    decision = Decision("canonical", {TABLE: 1}, DAY, AS_OF, "1.0.0", (), "r", stamps)
    own = decide(lake, decision)
    assert own.release_id != as_packaged.release_id
    assert [r.overrides for r in history(lake)] == [stamps, ()]
    assert rollback(lake, own.release_id, run_id="r2").overrides == stamps


def test_releases_of_an_older_version_are_read_and_added_to(lake: Lake) -> None:
    columns = tuple(c for c in RELEASE.columns if c.name != "overrides")
    old = {
        "release_id": "old",
        "sequence": 1,
        "unit": "canonical",
        "table": TABLE,
        "delta_version": 1,
        "day": DAY,
        "as_of": AS_OF,
        "contract_version": "1.0.0",
        "state": "released",
        "held_by": [],
        "created_at": AS_OF,
        "run_id": "r",
    }
    write(lake, replace(RELEASE, columns=columns), pa.Table.from_pylist([old]), mode="append")
    assert [r.overrides for r in history(lake)] == [()]
    decision = Decision("canonical", {TABLE: 2}, DAY, AS_OF, "1.0.0", (), "r", ("authority 00",))
    decide(lake, decision)
    assert [r.overrides for r in history(lake)] == [("authority 00",), ()]


def test_rollback_is_a_new_release(lake: Lake) -> None:
    first = decided(lake, {TABLE: 1})
    decided(lake, {TABLE: 2})
    again = rollback(lake, first.release_id, run_id="r2")
    assert current(lake, "canonical") == again
    assert again.pins == {TABLE: 1}
    assert len(history(lake)) == 3


def test_a_held_release_cannot_be_rolled_back_to(lake: Lake) -> None:
    held = decided(lake, {TABLE: 1}, held_by=("x",))
    with pytest.raises(UsageError, match="was held"):
        rollback(lake, held.release_id, run_id="r")


def test_readers_see_released_versions_only(settings: Settings, lake: Lake) -> None:
    first = candidate(lake, rows=1)
    with open_released(settings) as connection, pytest.raises(UsageError, match=TABLE):
        select(connection, f"select * from {TABLE}")
    decided(lake, {TABLE: first})
    candidate(lake, rows=5)
    count = f"select count(*) as n from {TABLE}"
    with open_released(settings) as connection:
        assert select(connection, count) == [{"n": 1}]
    with open_released(settings, unreleased=True) as connection:
        assert select(connection, count) == [{"n": 5}]


def test_an_unchanged_candidate_gets_no_new_version(lake: Lake) -> None:
    first = candidate(lake, rows=3)
    assert candidate(lake, rows=3) == first
    assert candidate(lake, rows=4) == first + 1


def test_a_model_without_contract_is_rejected(lake: Lake) -> None:
    with connect(lake) as connection, pytest.raises(SpecError, match="has no contract"):
        store_candidate(lake, connection, "canonical__nothing", "select 1 as x")


def test_known_at_shows_what_was_released_then(settings: Settings, lake: Lake) -> None:
    first = decided(lake, {TABLE: candidate(lake, rows=1)})
    decided(lake, {TABLE: candidate(lake, rows=2)})
    with open_released(settings, known_at=first.created_at) as connection:
        assert select(connection, f"select count(*) as n from {TABLE}") == [{"n": 1}]


@pytest.mark.parametrize(
    "query", ["drop table x", "select 1; select 2", "create table x (i int)", "copy x to 'f'", ""]
)
def test_only_one_reading_statement_passes(settings: Settings, query: str) -> None:
    with open_released(settings) as connection, pytest.raises(UsageError):
        select(connection, query)


def test_a_failed_cast_does_not_quote_the_value(settings: Settings, lake: Lake) -> None:
    spec = contract_table(load_contracts()[TABLE])
    names = {c.name: pa.nulls(1) for c in spec.columns}
    rows = pa.table({**names, "patient_key": ["Zzyzxova"]})
    write(lake, spec, rows, mode="append")
    query = f"select cast(patient_key as integer) from {TABLE}"
    with open_released(settings, unreleased=True) as shown, pytest.raises(UsageError) as caught:
        select(shown, query)
    assert "Zzyzxova" not in str(caught.value)
