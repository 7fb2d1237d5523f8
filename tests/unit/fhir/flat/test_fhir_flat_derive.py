"""Deriving flat tables: in slices, each resource parsed once, and exactly once under any kill."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakeward.core.paths import Home
from lakeward.fhir import view_tables
from lakeward.fhir.flat import view_rows
from lakeward.fhir.flat.derived_tables import CROSS_TYPE_TABLES
from lakeward.fhir.flat.derived_tables import flatten as flatten_all
from lakeward.fhir.flat.view_rows import flatten_views as flatten
from lakeward.fhir.raw.load import load
from lakeward.fhir.view_tables import packaged_views
from lakeward.lake import incremental, progress
from lakeward.lake.commits import CONTENT_KEY
from lakeward.lake.query import connect
from lakeward.lake.table_progress import read_progress
from lakeward.lake.tables import Lake, content_of, newest_version, table_names
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

NAMES = ("appointment", "appointment_participant", "appointment_slot", "patient", "patient_name")
Deliver = Callable[..., None]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[ViewDefinition, ...]:
    """Only some of the packaged views, which is faster."""
    views = tuple(view for view in packaged_views() if view.name in NAMES)
    for module in (view_tables, view_rows):
        monkeypatch.setattr(module, "packaged_views", lambda: views)
    return views


@pytest.fixture(scope="module")
def deliver(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Lake], Deliver]:
    """Load a file of resources, or of lines as they are, into a lake."""
    tmp_path = tmp_path_factory.mktemp("landing")
    inventory = load_inventory(Home(tmp_path))

    def into(lake: Lake) -> Deliver:
        def one(received: int, *resources: Any, source: str = "ehr_fhir") -> None:
            name = f"{source}-{received}.ndjson"
            lines = [r if isinstance(r, str) else json.dumps(r) for r in resources]
            (tmp_path / name).write_text("\n".join(lines), "utf-8")
            sha = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
            file = LedgerFile(source, received, date(2026, 1, 5), name, sha, 1, None)
            chosen = inventory.source("ehr_fhir").model_copy(update={"name": source})
            load(lake, tmp_path, chosen, [file])

        return one

    return into


def patient(number: int, **more: Any) -> dict[str, Any]:
    name = [{"family": f"F{number}"}, {"family": "G"}]
    return {"resourceType": "Patient", "id": f"p{number}", "name": name, **more}


def appointment(number: int, participants: int = 2) -> dict[str, Any]:
    actors = [{"actor": {"reference": f"Patient/p{n}"}} for n in range(participants)]
    return {"resourceType": "Appointment", "id": f"a{number}", "participant": actors}


def fill(one: Deliver, days: Sequence[int]) -> None:
    for day in days:
        some = [appointment(10 * day + n, n) for n in range(4)]
        one(day, *(patient(10 * day + n) for n in range(5)), *some)
        one(day, *some, source="clinic_fhir")


def rows(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    with connect(lake) as connection:
        return {
            name: connection.execute(f"select * from fhir__{name} order by all").fetchall()
            for name in NAMES
        }


def versions(lake: Lake) -> dict[str, int | None]:
    return {name: newest_version(lake, f"fhir__{name}") for name in NAMES}


@pytest.fixture(scope="module")
def raw(deliver: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two deliveries of two sources and nothing flattened; for copying."""
    folder = tmp_path_factory.mktemp("raw") / "lake"
    fill(deliver(Lake(folder)), [1, 2])
    return folder


@pytest.fixture
def undisturbed(raw: Path, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    lake = Lake(shutil.copytree(raw, tmp_path / "undisturbed"))
    flatten(lake)
    found = rows(lake)
    assert {name: len(r) for name, r in found.items()} == {
        "appointment": 16,
        "appointment_participant": 24,
        "appointment_slot": 0,
        "patient": 10,
        "patient_name": 20,
    }
    return found


@pytest.mark.parametrize("size", [1, 700])
def test_slices_of_any_size_give_the_same(
    size: int, raw: Path, tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(shutil.copytree(raw, tmp_path / "sliced"))
    monkeypatch.setattr(progress, "SLICE_BYTES", size)
    flatten(lake)
    assert rows(lake) == undisturbed


def test_a_crash_after_any_commit_leaves_no_trace_after_the_next_run(
    raw: Path, tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crash after the n-th commit, for every n; the run that mends it slices otherwise."""
    commit, n, crashed = incremental.write, 0, True
    while crashed:
        n, crashed, count = n + 1, False, 0
        lake = Lake(shutil.copytree(raw, tmp_path / str(n)))

        def write(*args: Any, n: int = n, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            done = commit(*args, **kwargs)
            if count == n:
                raise KeyboardInterrupt
            return done

        with monkeypatch.context() as patched:
            patched.setattr(incremental, "write", write)
            patched.setattr(progress, "SLICE_BYTES", 900)
            try:
                flatten(lake)
            except KeyboardInterrupt:
                crashed = True
        monkeypatch.setattr(progress, "SLICE_BYTES", 700)
        flatten(lake)
        assert rows(lake) == undisturbed
    assert n > 8


def test_each_resource_is_parsed_once_for_all_views_of_its_type(
    lake: Lake, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsing, calls = view_rows.parsing, []

    def counted(*args: Any) -> str:
        calls.append(args)
        return parsing(*args)

    monkeypatch.setattr(view_rows, "parsing", counted)
    fill(deliver(lake), [1])
    assert len(flatten(lake)) == 4
    assert len(calls) == 2  # patients and appointments


def test_nothing_new_costs_no_query_and_no_commit(
    lake: Lake, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(deliver(lake), [1])
    flatten(lake)
    before = versions(lake)
    with monkeypatch.context() as patched:
        for module in (incremental, progress):
            patched.delattr(module, "connect")
        patched.delattr(view_tables, "compile_view")
        assert flatten(lake) == []
    assert versions(lake) == before
    deliver(lake)(2, patient(99))
    assert {w.table: w.rows for w in flatten(lake)} == {"fhir__patient": 1, "fhir__patient_name": 2}
    after = versions(lake)
    appointments = [name for name in NAMES if name.startswith("appointment")]
    assert {n: after[n] for n in appointments} == {n: before[n] for n in appointments}


def remember(lake: Lake, table: str, content: object) -> None:
    """Let the newest commit of a table say something else, as another version wrote it."""
    log = lake.path(table) / "_delta_log" / f"{newest_version(lake, table):020}.json"
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"][CONTENT_KEY] = json.dumps(content, sort_keys=True)
    log.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")


def test_a_lake_of_an_older_version_is_read_on_and_not_rebuilt(lake: Lake, deliver: Any) -> None:
    """Until 2026-11 tables of views and tables over all types wrote their progress otherwise."""
    fill(deliver(lake), [1])
    flatten_all(lake)
    for name in sorted(table_names(lake)):
        if (progress := read_progress(content_of(lake, name))) is None:
            continue
        old: object = {"view": progress.digest, "through": progress.through}
        if name in {table.name for table in CROSS_TYPE_TABLES}:
            old = [progress.digest, {key: at >> 32 for key, at in progress.through.items()}]
        remember(lake, name, old)
    before = {name: newest_version(lake, name) for name in table_names(lake)}
    assert flatten_all(lake) == []
    assert {name: newest_version(lake, name) for name in table_names(lake)} == before
    deliver(lake)(2, patient(99), appointment(99))
    rows = {write.table: write.rows for write in flatten_all(lake)}
    assert (rows["fhir__patient"], rows["fhir_reference"]) == (1, 2)


def test_maintenance_of_a_table_does_not_derive_it_again(lake: Lake, deliver: Any) -> None:
    fill(deliver(lake), [1, 2])
    flatten(lake)
    before = rows(lake)
    table = DeltaTable(lake.path("fhir__patient"))
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert flatten(lake) == []
    assert rows(lake) == before


def test_a_table_that_something_else_wrote_to_is_derived_again(lake: Lake, deliver: Any) -> None:
    fill(deliver(lake), [1])
    flatten(lake)
    before = rows(lake)
    DeltaTable(lake.path("fhir__patient")).delete("line = 1")
    assert [w.table for w in flatten(lake)] == ["fhir__patient"]
    assert rows(lake) == before


DEEP = 900
HOSTILE = [
    '{"resourceType":"Patient","id":"d1","id":"d1","name":[{"family":"A"}],"name":{"family":"B"}}',
    '{"resourceType":"Patient","resourceType":"Patient","id":"d2","active":true,"active":"no"}',
    '{"resourceType":"Patient","id":"d3","":1,"\\u0000":2,"a\\"b\'c":{"x":[]},"name":[[]]}',
    '{"resourceType":"Patient","id":"d4","contained":' + "[" * DEEP + "]" * DEEP + "}",
    '{"resourceType":"Patient","id":"d5","name":[{"given":["\\ud83d\\ude00","\\u0000",1e999,{}]}]}',
    '{"resourceType":"Patient","id":"d6","multipleBirthInteger":1e400,"birthDate":-0}',
    '{"resourceType":"Patient","id":"d7","multipleBirthInteger":99999999999999999999999}',
    '{"resourceType":"Patient","id":"d8","NAME":[{"family":"X"}],"Name":1,"name":[{"FAMILY":"Y"}]}',
    '{"resourceType":"Patient","id":"d9","name":[' + '{"family":"Z"},' * 5000 + "null]}",
]


def test_hostile_lines_do_not_stop_the_rest(lake: Lake, deliver: Any) -> None:
    deliver(lake)(1, *HOSTILE, patient(1))
    flatten(lake)
    with connect(lake) as connection:
        stored = connection.execute("select id from raw_fhir__resource order by 1").fetchall()
        quarantined = connection.execute("select position from quarantine").fetchall()
        found = connection.execute("select id from fhir__patient order by 1").fetchall()
        named = connection.execute(
            "select id, count(*) from fhir__patient_name where id in ('d9', 'p1')"
            " group by 1 order by 1"
        ).fetchall()
    assert found == stored
    assert len(stored) + len(quarantined) == len(HOSTILE) + 1
    assert {("d5",), ("d9",), ("p1",)} <= set(stored)
    assert named == [("d9", 5000), ("p1", 2)]
