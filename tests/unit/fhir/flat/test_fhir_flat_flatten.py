"""Flat tables: incremental, exactly once, and following their views."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.settings import Settings
from lakeward.fhir.flat.view_rows import flatten_views as flatten
from lakeward.fhir.raw import checked_records
from lakeward.fhir.raw.load import load
from lakeward.fhir.view_tables import flat_tables
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, table_names
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, load_inventory


@pytest.fixture
def source(settings: Settings) -> Source:
    return load_inventory(settings.home).source("ehr_fhir")


def deliver(lake: Lake, landing: Path, source: Source, received: int, *resources: object) -> None:
    name = f"{source.name}/{received}.ndjson"
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(r) for r in resources), "utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = LedgerFile(source.name, received, date(2026, 1, 5), name, digest, 1, None)
    load(lake, landing, source, [file])


def query(lake: Lake, text: str) -> list[tuple[Any, ...]]:
    with connect(lake) as connection:
        return connection.execute(text).fetchall()


def appointment(number: int, start: str = "2026-01-06T09:00:00-05:00") -> dict[str, Any]:
    actors = ("Patient/p1", "Practitioner/d1", "https://x.org/fhir/Location/l1/_history/2")
    return {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "meta": {"versionId": "2"},
        "status": "booked",
        "start": start,
        "minutesDuration": 20,
        "participant": [{"actor": {"reference": actor}} for actor in actors],
    }


def test_all_tables_exist_even_without_data(lake: Lake) -> None:
    assert flatten(lake) == []
    assert {table.name for table in flat_tables()} <= set(table_names(lake))


def test_typed_columns_follow_leading_columns(lake: Lake, tmp_path: Path, source: Source) -> None:
    deliver(lake, tmp_path, source, 1, {"resourceType": "Patient", "id": "p"}, appointment(1))
    writes = flatten(lake)
    assert {w.table for w in writes} == {
        "fhir__patient",
        "fhir__appointment",
        "fhir__appointment_participant",
    }
    row = query(
        lake,
        "select source, received, file, line, day, id, version_id, status, start_at,"
        " minutes_duration, patient_id, practitioner_id, location_id from fhir__appointment",
    )
    start = datetime(2026, 1, 6, 14, tzinfo=UTC)
    place = ("ehr_fhir", 1, "ehr_fhir/1.ndjson", 2, date(2026, 1, 5), "a1", "2")
    assert row == [(*place, "booked", start, 20, "p1", "d1", "l1")]
    participants = query(lake, "select ordinal, location_id from fhir__appointment_participant")
    assert sorted(participants) == [(0, None), (1, None), (2, "l1")]


@pytest.mark.parametrize("start", ["2026", "2026-01", "soon", "", 5])
def test_a_partial_time_is_no_instant_and_no_failure(
    lake: Lake, tmp_path: Path, source: Source, start: Any
) -> None:
    deliver(lake, tmp_path, source, 1, appointment(1, start))
    flatten(lake)
    assert query(lake, "select start_at from fhir__appointment") == [(None,)]


HOSTILE: list[Any] = [
    None,
    1e30,
    -1,
    True,
    "x",
    "\x00",
    "\ud83d\ude00",
    [],
    [[]],
    {},
    {"start": 1},
    2**70,
]


def test_wrongly_shaped_elements_do_not_stop_the_rest(
    lake: Lake, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as if stored before a view walked there: what a view walks is checked on the way in
    monkeypatch.setattr(checked_records, "find_mismatch", lambda *_args: None)
    elements = ("start", "minutesDuration", "status", "participant", "identifier", "reasonCode")
    shaped = [{**appointment(n), **dict.fromkeys(elements, v)} for n, v in enumerate(HOSTILE)]
    deliver(lake, tmp_path, source, 1, *shaped, appointment(99))
    flatten(lake)
    assert query(lake, "select count(*) from fhir__appointment") == [(len(HOSTILE) + 1,)]
    assert query(lake, "select count(*) from fhir__appointment_participant where id = 'a99'") == [
        (3,)
    ]


def test_only_new_records_are_flattened(lake: Lake, tmp_path: Path, source: Source) -> None:
    deliver(lake, tmp_path, source, 1, appointment(1))
    flatten(lake)
    assert flatten(lake) == []
    deliver(lake, tmp_path, source, 2, appointment(2), appointment(3))
    other = source.model_copy(update={"name": "clinic_fhir"})
    deliver(lake, tmp_path, other, 1, appointment(1))
    writes = {w.table: w.rows for w in flatten(lake)}
    assert writes == {"fhir__appointment": 3, "fhir__appointment_participant": 9}
    rows = query(lake, "select source, received, line from fhir__appointment order by all")
    assert rows == [
        ("clinic_fhir", 1, 1),
        ("ehr_fhir", 1, 1),
        ("ehr_fhir", 2, 1),
        ("ehr_fhir", 2, 2),
    ]
    assert flatten(lake) == []


def own_view(folder: Path, *columns: str, name: str = "own") -> None:
    folder.mkdir(exist_ok=True)
    view = {
        "resource": "Appointment",
        "name": name,
        "select": [{"column": [{"name": c, "path": c, "type": "string"} for c in columns]}],
    }
    (folder / f"{name}.json").write_text(json.dumps(view), "utf-8")


def test_a_changed_view_is_derived_again(lake: Lake, tmp_path: Path, source: Source) -> None:
    views = tmp_path / "views"
    deliver(lake, tmp_path, source, 1, appointment(1))
    for columns in (["status"], ["status", "start"], ["status"]):
        own_view(views, *columns)
        assert "fhir__own" in {w.table for w in flatten(lake, views)}
        assert flatten(lake, views) == []
        deliver(lake, tmp_path, source, 1 + len(query(lake, "from fhir__own")), appointment(9))
        (row,) = query(lake, "select * from fhir__own where id = 'a1'")
        assert row[9:] == ("booked", "2026-01-06T09:00:00-05:00")[: len(columns)]


def test_own_views_must_not_clash(tmp_path: Path) -> None:
    own_view(tmp_path / "views", "status", name="appointment")
    with pytest.raises(SpecError, match="another view"):
        flat_tables(tmp_path / "views")
    (tmp_path / "views" / "appointment.json").unlink()
    own_view(tmp_path / "views", "id")
    with pytest.raises(SpecError, match="column id"):
        flat_tables(tmp_path / "views")
