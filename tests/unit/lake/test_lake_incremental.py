"""Incremental derivation equals derivation of everything, whatever happens between two runs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeward.core.errors import LakewardError, SpecError
from lakeward.core.phi import Phi
from lakeward.lake import incremental, progress
from lakeward.lake.incremental import (
    DerivedTable,
    appoint_witness,
    bring_up,
    open_derived,
)
from lakeward.lake.progress import RawTable, Slice, end_of_file, new_since
from lakeward.lake.query import Connection, connect, snapshot
from lakeward.lake.tables import Column, Lake, TableSpec, TableWrite, newest_version, write

COLUMNS = (
    Column("source", "VARCHAR", Phi.N, is_ours=True),
    Column("received", "BIGINT", Phi.N),
    Column("line", "BIGINT", Phi.N),
)
RAW_SPEC = TableSpec("raw_thing", (*COLUMNS, Column("value", "BIGINT", Phi.N)))
RAW = RawTable("raw_thing", record="line", size="value + 1")
DIVISORS = {"thing__third": 3, "thing__half": 2, "thing__every": 1}
"""Each table gets the records whose value its number divides; the last gets all."""

Row = tuple[str, int, int, int]


def append(lake: Lake, source: str, received: int, values: Sequence[int]) -> None:
    lines = range(1, len(values) + 1)
    columns = [[source] * len(values), [received] * len(values), list(lines), list(values)]
    rows = pa.table(columns, ["source", "received", "line", "value"])
    write(lake, RAW_SPEC, rows, mode="append")


def spec_of(name: str) -> TableSpec:
    return TableSpec(name, (*COLUMNS, Column("result", "BIGINT", Phi.N)))


def run(
    lake: Lake,
    digests: dict[str, int],
    *,
    witness: bool,
    broken: frozenset[str] = frozenset(),
    poisons: frozenset[tuple[str, int]] = frozenset(),
    lost: list[tuple[str, str]] | None = None,
) -> list[TableWrite]:
    """Bring the tables of some digests up; a digest is what is added to each value.

    A poison is a value that a table cannot hold; what is lost by it is entered in `lost`.
    """
    tables = [open_derived(lake, spec_of(name), str(plus)) for name, plus in digests.items()]
    if witness:
        appoint_witness(tables[-1], tables)

    def rows_of(
        connection: Connection, part: Slice, behind: Sequence[DerivedTable]
    ) -> Iterator[tuple[DerivedTable, pa.Table | SpecError]]:
        records = part.relation("source, received, line, value")
        for table in behind:
            if table.spec.name in broken:
                yield table, SpecError("spec", "cannot be run")
                continue
            values = [value for name, value in poisons if name == table.spec.name]
            fails = f"case when list_contains({values}, value) then error('poison') else 0 end"
            query = (
                f"select source, received, line, value + {table.digest} + {fails} as result"
                f" from {records}"
                f" where value % {DIVISORS[table.spec.name]} = 0"
            )
            yield table, connection.sql(query).to_arrow_table()

    def on_lost(table: str, key: str, cause: LakewardError) -> None:
        assert "poison" not in str(cause)  # the text of the database can quote a value
        assert lost is not None
        lost.append((table, key))

    return bring_up(
        lake,
        RAW,
        tables,
        rows_of,
        on_failure=lambda *_: None,
        on_lost=None if lost is None else on_lost,
    )


def stored(lake: Lake, name: str) -> list[Row]:
    found = snapshot(lake, name)
    assert found is not None
    with connect() as connection:
        query = f"select source, received, line, result from ({found.select()}) order by all"
        return connection.execute(query).fetchall()


def derived(records: Sequence[Row], name: str, plus: int) -> list[Row]:
    chosen = (r for r in records if r[3] % DIVISORS[name] == 0)
    return sorted((source, file, line, value + plus) for source, file, line, value in chosen)


class KilledError(BaseException):
    """The process ends here."""


def killing(limit: int) -> Any:
    """Let so many commits through, then end."""
    count = 0

    def commit(*args: Any, **kwargs: Any) -> TableWrite:
        nonlocal count
        if count == limit:
            raise KilledError
        count += 1
        return write(*args, **kwargs)

    return commit


names = st.sampled_from(sorted(DIVISORS))
deliveries = st.tuples(
    st.just("deliver"),
    st.sampled_from(["a", "b"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
)
runs = st.tuples(
    st.just("run"),
    st.integers(1, 80),  # bytes of a slice
    st.one_of(st.just(99), st.integers(0, 6)),  # commits until it is killed
    st.frozensets(names, max_size=1),  # tables whose spec is away
    st.frozensets(names, max_size=1),  # tables whose spec fails
    st.frozensets(st.tuples(names, st.integers(0, 30)), max_size=2),  # values it cannot hold
)
changes = st.tuples(st.just("change"), names)
foreign = st.tuples(st.just("foreign"), names)
steps = st.lists(st.one_of(deliveries, deliveries, runs, runs, changes, foreign), max_size=12)


NONE: frozenset[Any] = frozenset()
FILLED = (("deliver", "a", [6, 6, 6]), ("run", 80, 99, NONE, NONE, NONE))
CUT_OFF = ("run", 5, 1, NONE, NONE, NONE)
"""A run of three slices that ends after its first commit."""


class Night:
    """A lake, and what its tables must hold in the end."""

    def __init__(self, lake: Lake, *, witness: bool) -> None:
        self.lake, self.witness = lake, witness
        self.records: list[Row] = []
        self.digests = dict.fromkeys(DIVISORS, 0)

    def deliver(self, source: str, values: list[int]) -> None:
        received = 1 + max((r[1] for r in self.records if r[0] == source), default=0)
        append(self.lake, source, received, values)
        self.records += [(source, received, n, value) for n, value in enumerate(values, start=1)]

    def run(
        self,
        size: int,
        limit: int,
        away: frozenset[str],
        broken: frozenset[str],
        poisons: frozenset[tuple[str, int]],
    ) -> None:
        # a witness is never away and never fails: it is a packaged table
        kept = {n: d for n, d in self.digests.items() if n not in away or n == "thing__every"}
        broken = broken - {"thing__every"} if self.witness else broken
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(progress, "SLICE_BYTES", size)
            patch.setattr(incremental, "write", killing(limit))
            with suppress(KilledError):
                run(
                    self.lake,
                    kept,
                    witness=self.witness,
                    broken=broken,
                    poisons=poisons,
                    lost=[],
                )

    def change(self, name: str) -> None:
        self.digests[name] += 1

    def foreign(self, name: str) -> None:
        if newest_version(self.lake, name):
            DeltaTable(self.lake.path(name)).delete("line = 1")


@pytest.mark.parametrize("witness", [True, False])
@settings(max_examples=20, deadline=None)
@given(steps=steps)
@example(steps=[*FILLED, ("change", "thing__half"), CUT_OFF])
@example(steps=[*FILLED, ("foreign", "thing__half"), CUT_OFF])
@example(
    steps=[
        ("deliver", "a", [6, 12]),
        ("deliver", "b", [6, 18]),
        ("run", 8, 99, NONE, NONE, frozenset({("thing__half", 12)})),
        ("deliver", "a", [5]),
        ("run", 8, 99, NONE, NONE, frozenset({("thing__half", 12)})),
    ]
)
@example(
    steps=[
        ("deliver", "a", [6, 12, 18]),
        ("run", 80, 99, NONE, NONE, NONE),
        ("change", "thing__half"),
        ("run", 5, 99, NONE, NONE, frozenset({("thing__half", 12)})),
    ]
)
def test_any_history_ends_in_what_a_full_derivation_gives(
    witness: bool, steps: list[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as folder:
        night = Night(Lake(Path(folder)), witness=witness)
        for name, *arguments in steps:
            getattr(night, name)(*arguments)
        run(night.lake, night.digests, witness=witness)
        for name, plus in night.digests.items():
            assert stored(night.lake, name) == derived(night.records, name, plus)
        versions = {name: newest_version(night.lake, name) for name in DIVISORS}
        assert run(night.lake, night.digests, witness=witness) == []
        assert {name: newest_version(night.lake, name) for name in DIVISORS} == versions


def test_a_witness_answers_for_tables_without_rows(tmp_path: Path) -> None:
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    append(lake, "a", 1, [1, 5, 7])
    written = [each.table for each in run(lake, digests, witness=True)]
    assert written == ["thing__every"]
    assert newest_version(lake, "thing__half") == 0
    assert run(lake, digests, witness=True) == []


def test_a_table_without_witness_says_once_that_it_got_no_rows(tmp_path: Path) -> None:
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    append(lake, "a", 1, [1, 5, 7])
    written = [each.table for each in run(lake, digests, witness=False)]
    assert written == ["thing__every"]
    assert newest_version(lake, "thing__half") == 1
    assert run(lake, digests, witness=False) == []
    assert newest_version(lake, "thing__half") == 1


def test_nothing_new_makes_no_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    append(lake, "a", 1, [1, 2, 3])
    run(lake, digests, witness=True)
    for module in (incremental, progress):
        monkeypatch.delattr(module, "connect")
    assert run(lake, digests, witness=True) == []


def test_a_failing_table_stays_and_the_others_go_on(tmp_path: Path) -> None:
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    append(lake, "a", 1, [6])
    run(lake, digests, witness=False)
    append(lake, "a", 2, [12])
    run(lake, digests, witness=False, broken=frozenset({"thing__half"}))
    assert [len(stored(lake, name)) for name in DIVISORS] == [2, 1, 2]
    run(lake, digests, witness=False)
    assert [len(stored(lake, name)) for name in DIVISORS] == [2, 2, 2]


@pytest.mark.parametrize("witness", [True, False])
@pytest.mark.parametrize("size", [8, 80])
def test_a_record_costs_its_source_one_table_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, witness: bool, size: int
) -> None:
    monkeypatch.setattr(progress, "SLICE_BYTES", size)
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    append(lake, "a", 1, [6, 12])
    append(lake, "b", 1, [6, 18])
    poisons, lost = frozenset({("thing__half", 12)}), []
    run(lake, digests, witness=witness, poisons=poisons, lost=lost)
    assert lost == [("thing__half", "a")]
    assert [len(stored(lake, name)) for name in DIVISORS] == [4, 2 if size == 80 else 3, 4]
    append(lake, "a", 2, [24])  # what comes later waits behind it, and is lost again each night
    run(lake, digests, witness=witness, poisons=poisons, lost=lost)
    assert lost == [("thing__half", "a")] * 2
    run(lake, digests, witness=witness)
    assert [len(stored(lake, name)) for name in DIVISORS] == [5, 5, 5]


def test_a_table_that_cannot_be_rebuilt_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, digests, lost = Lake(tmp_path), dict.fromkeys(DIVISORS, 0), []
    append(lake, "a", 1, [6, 12, 18])
    run(lake, digests, witness=True)
    before = stored(lake, "thing__half")
    monkeypatch.setattr(progress, "SLICE_BYTES", 5)  # it fails after a commit that replaced it
    changed = digests | {"thing__half": 1}
    poisons = frozenset({("thing__half", 12)})
    run(lake, changed, witness=True, poisons=poisons, lost=lost)
    assert lost == [("thing__half", "")]
    assert stored(lake, "thing__half") == before
    run(lake, changed, witness=True)
    assert [row[3] for row in stored(lake, "thing__half")] == [7, 13, 19]


def test_a_reader_that_is_no_table_asks_what_is_new(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert new_since(lake, RAW, {}) is None
    append(lake, "a", 1, [10, 11])
    append(lake, "b", 1, [20])
    first = new_since(lake, RAW, {})
    assert first is not None
    assert first.through == {"a": end_of_file(1), "b": end_of_file(1)}
    append(lake, "a", 2, [12])
    second = new_since(lake, RAW, first.through)
    assert second is not None
    with connect() as connection:
        found = connection.execute(
            f"from {second.relation('source, value', second.after, second.through)}"
        ).fetchall()
    assert found == [("a", 12)]
    assert new_since(lake, RAW, {**first.through, **second.through}) is None


def test_what_is_new_is_found_in_a_compacted_raw_table(tmp_path: Path) -> None:
    # its one file holds both sources: the log alone would say that `b` reaches as far as `a`
    lake, digests = Lake(tmp_path), dict.fromkeys(DIVISORS, 0)
    for received in range(1, 5):
        append(lake, "a", received, [received])
    append(lake, "b", 1, [20])
    DeltaTable(lake.path("raw_thing")).optimize.compact()
    run(lake, digests, witness=True)
    append(lake, "b", 2, [30])
    run(lake, digests, witness=True)
    assert [row[:3] for row in stored(lake, "thing__every")] == [
        *[("a", n, 1) for n in range(1, 5)],
        ("b", 1, 1),
        ("b", 2, 1),
    ]
    assert run(lake, digests, witness=True) == []


def test_only_some_values_of_a_partition_are_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    by_source = replace(RAW_SPEC, partition_by=("source",))
    for source in ("a", "b"):
        columns = [[source], [1], [1], [5]]
        rows = pa.table(columns, ["source", "received", "line", "value"])
        write(lake, by_source, rows, mode="append")
    new = new_since(lake, replace(RAW, only=("source", frozenset({"b"}))), {})
    assert new is not None
    assert set(new.through) == {"b"}
    assert len(new.pinned.files) == 1
