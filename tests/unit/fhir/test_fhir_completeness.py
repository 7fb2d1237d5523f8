"""From landing to what is known to be complete, and to what is true, with files as they come."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.settings import Settings
from lakeward.fhir.flat.derived_tables import flatten
from lakeward.fhir.format import FHIR
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import MARKER, deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory

SOURCE = "ehr_fhir"
THROUGH = date(2026, 1, 31)
FIRST, SECOND = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"


def put(settings: Settings, day: str, files: Mapping[str, Sequence[object] | object]) -> None:
    """Write a delivery; a sequence is NDJSON, anything else one document."""
    folder = settings.home.landing / SOURCE / day
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = content if isinstance(content, list) else [content]
        path.write_text("\n".join(c if isinstance(c, str) else json.dumps(c) for c in lines))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def load_all(settings: Settings, lake: Lake) -> None:
    register(lake, settings.home.landing, deliveries(settings.home.landing, SOURCE, THROUGH))
    source = load_inventory(settings.home).source(SOURCE)
    load_pending(lake, settings.home, source, FHIR)


def query(lake: Lake, text: str) -> list[tuple[Any, ...]]:
    with connect(lake) as connection:
        return connection.execute(text).fetchall()


def resource(kind: str, id_: str, **more: object) -> dict[str, object]:
    return {"resourceType": kind, "id": id_, **more}


def manifest(
    time: str, *files: tuple[str, str, int | None], types: str = "Patient,Task,ServiceRequest"
) -> dict[str, object]:
    entries = [
        {"url": f"https://ehr.example/files/{name}", "type": type_}
        | ({} if count is None else {"count": count})
        for name, type_, count in files
    ]
    request = f"https://ehr.example/fhir/Group/ops/$export?_type={types}"
    return {"transactionTime": time, "request": request, "output": entries, "deleted": []}


COLUMNS = (
    "resource_type, files_promised, files_loaded, resources_promised, resources_found,"
    " resources_stored, resources_quarantined, is_complete"
)


def completeness(lake: Lake, condition: str = "true") -> list[tuple[Any, ...]]:
    return query(lake, f"select {COLUMNS} from load_completeness where {condition} order by 1, 2")


def test_each_type_of_an_export_is_reported(settings: Settings, lake: Lake) -> None:
    promised = manifest(
        FIRST, ("p.ndjson", "Patient", 2), ("t1.ndjson", "Task", None), ("t2.ndjson", "Task", None)
    )
    patients = [resource("Patient", "a"), resource("Patient", "b")]
    files = {"manifest.json": promised, "p.ndjson": patients, "t1.ndjson": [resource("Task", "a")]}
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    assert completeness(lake) == [
        ("Patient", 1, 1, 2, 2, 2, 0, True),
        ("ServiceRequest", 0, 0, 0, 0, 0, 0, True),  # there is none
        ("Task", 2, 1, None, 1, 1, 0, False),  # a file never came
    ]
    assert query(lake, "select distinct export_group from load_completeness") == [("Group/ops",)]


def test_an_export_with_rejected_or_missing_records_is_not_complete(
    settings: Settings, lake: Lake
) -> None:
    promised = manifest(FIRST, ("p.ndjson", "Patient", 2), ("t.ndjson", "Task", 3), types="Patient")
    files = {
        "manifest.json": promised,
        "p.ndjson": [resource("Patient", "a"), '{"resourceType":"Patient"}'],
        "t.ndjson": [resource("Task", "a")],
    }
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    assert completeness(lake) == [
        ("Patient", 1, 1, 2, 2, 1, 1, False),
        ("Task", 1, 1, 3, 1, 1, 0, False),
    ]


@pytest.mark.parametrize(
    ("severity", "complete"), [("information", True), ("warning", True), ("error", False)]
)
def test_errors_of_an_export_make_it_incomplete(
    settings: Settings, lake: Lake, severity: str, complete: bool
) -> None:
    promised = manifest(FIRST, ("p.ndjson", "Patient", 1), types="Patient")
    promised["error"] = [{"url": "https://ehr.example/e.ndjson", "type": "OperationOutcome"}]
    outcome = resource("OperationOutcome", "o", issue=[{"severity": severity, "code": "x"}])
    files = {
        "manifest.json": promised,
        "p.ndjson": [resource("Patient", "a")],
        "e.ndjson": [outcome],
    }
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    assert [row[-1] for row in completeness(lake)] == [complete]


def test_the_last_complete_export_is_known(settings: Settings, lake: Lake) -> None:
    patients = [resource("Patient", "a")]
    put(settings, "2026-01-05", {
        "manifest.json": manifest(FIRST, ("p.ndjson", "Patient", 1), types="Patient"),
        "p.ndjson": patients,
    })  # fmt: skip
    put(settings, "2026-01-06", {
        "manifest.json": manifest(SECOND, ("p.ndjson", "Patient", 9), types="Patient"),
        "p.ndjson": patients,
    })  # fmt: skip
    load_all(settings, lake)
    rows = query(
        lake,
        "select transaction_time::varchar, is_complete, last_complete_at::varchar,"
        " resources_duplicate from load_completeness order by 1",
    )
    first = "2026-01-05 00:00:00+00"
    assert rows == [(first, True, first, 0), ("2026-01-06 00:00:00+00", False, first, 1)]


def test_without_a_manifest_the_promise_is_unknown(settings: Settings, lake: Lake) -> None:
    both = [resource("Patient", "a"), resource("Task", "a"), resource("Task", "b")]
    put(settings, "2026-01-05", {"mixed.ndjson": both, "Slot.ndjson": [], "log.txt": "no data"})
    put(settings, "2026-01-06", {"Task.000.ndjson": [resource("Task", "a")]})
    load_all(settings, lake)
    assert completeness(lake, "day = '2026-01-05'") == [
        ("Patient", None, 1, None, 1, 1, None, None),
        ("Slot", None, 1, None, 0, 0, 0, None),
        ("Task", None, 1, None, 2, 2, None, None),
    ]
    assert completeness(lake, "day = '2026-01-06'") == [("Task", None, 1, None, 1, 0, 0, None)]


def test_exports_of_one_day_are_distinguished_by_their_folders(
    settings: Settings, lake: Lake
) -> None:
    for folder, time, id_ in (("one", FIRST, "a"), ("two/deep", SECOND, "b")):
        put(settings, "2026-01-05", {
            f"{folder}/manifest.json": manifest(time, ("p.ndjson", "Patient", 1), types="Patient"),
            f"{folder}/p.ndjson": [resource("Patient", id_)],
        })  # fmt: skip
    load_all(settings, lake)
    assert [row[-1] for row in completeness(lake)] == [True, True]
    times = "select id, transaction_time::varchar from raw_fhir__resource order by 1"
    assert query(lake, times) == [
        ("a", "2026-01-05 00:00:00+00"),
        ("b", "2026-01-06 00:00:00+00"),
    ]


def test_landing_a_second_export_keeps_each_manifest_with_its_files(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    for number, time in enumerate((FIRST, SECOND, FIRST)):
        export = tmp_path / f"export-{number}"
        export.mkdir()
        promised = manifest(time, ("p.ndjson", "Patient", 1), types="Patient")
        (export / "manifest.json").write_text(json.dumps(promised))
        line = resource("Patient", "a", active=time == FIRST)
        (export / "p.ndjson").write_text(json.dumps(line))
        land(settings.home.landing, SOURCE, [export], date(2026, 1, 5))
    load_all(settings, lake)
    assert [row[-1] for row in completeness(lake)] == [True, True]
    assert query(lake, "select resource like '%false%' from fhir_current") == [(True,)]


def test_a_content_delivered_again_later_is_current(settings: Settings, lake: Lake) -> None:
    bad = '{"resourceType":"Patient"}'
    for day, active in ((5, True), (6, False), (7, True)):
        line = resource("Patient", "a", active=active)
        put(settings, f"2026-01-{day:02}", {"Patient.ndjson": [line, bad]})
        load_all(settings, lake)
    assert query(lake, "select resource like '%true%' from fhir_current") == [(True,)]
    counts = "select found, stored, duplicate, quarantined, state from ledger order by received"
    assert query(lake, counts) == [
        (2, 1, 0, 1, "loaded"),
        (2, 1, 0, 1, "loaded"),
        (2, 1, 1, 0, "loaded"),  # the bad line stands in quarantine already
    ]
    put(settings, "2026-01-08", {"Patient.ndjson": [resource("Patient", "a", active=True), bad]})
    load_all(settings, lake)
    assert query(lake, counts)[-1] == (2, 0, 2, 0, "duplicate")


def slot(id_: str, start: str, status: str = "free", **more: object) -> dict[str, object]:
    return resource("Slot", id_, start=f"2026-01-10T{start}:00Z", status=status, **more)


def slots(lake: Lake) -> list[tuple[Any, ...]]:
    flatten(lake)
    return query(
        lake,
        "select id, discriminator[12:16], json_extract_string(resource, '$.status')"
        " from fhir_current order by all",
    )


def test_an_id_repeated_for_different_things_hides_none_of_them(
    settings: Settings, lake: Lake
) -> None:
    delivered = [
        slot("x", "09:00"),
        slot("x", "10:00"),
        slot("x", "10:00", "busy"),
        slot("y", "09:00"),
    ]
    put(settings, "2026-01-05", {"Slot.ndjson": delivered})
    put(settings, "2026-01-06", {"Slot.ndjson": [slot("x", "11:00"), slot("y", "12:00")]})
    load_all(settings, lake)
    assert slots(lake) == [
        ("x", "09:00", "free"),
        ("x", "10:00", "busy"),
        ("x", "11:00", "free"),
        ("y", None, "free"),  # once in a delivery: it moved
    ]
    kinds = {k: (i, v) for k, i, v in query(lake, "select kind, ids, versions from fhir_collision")}
    assert kinds == {
        "several_in_one_delivery": (1, 3),
        "id_of_different_things": (1, 4),
        "decided_by_delivery": (2, 4),
    }


def test_things_under_one_id_are_found_when_one_came_before(settings: Settings, lake: Lake) -> None:
    put(settings, "2026-01-05", {"Slot.ndjson": [slot("x", "09:00")]})
    put(settings, "2026-01-06", {"Slot.ndjson": [slot("x", "09:00"), slot("x", "10:00")]})
    put(settings, "2026-01-07", {"Slot.ndjson": [slot("x", "09:00", id="x")]})
    load_all(settings, lake)
    assert [row[1] for row in slots(lake)] == ["09:00", "10:00"]


def test_a_versioned_id_is_one_thing(settings: Settings, lake: Lake) -> None:
    delivered = [
        slot("x", "09:00", meta={"versionId": "1"}),
        slot("x", "10:00", meta={"versionId": "2"}),
    ]
    put(settings, "2026-01-05", {"Slot.ndjson": delivered})
    load_all(settings, lake)
    assert slots(lake) == [("x", None, "free")]


def test_a_replayed_feed_of_shared_ids_adds_nothing(settings: Settings, lake: Lake) -> None:
    feed = [slot(f"s{n % 112}", f"{n // 112 + 6:02}:00") for n in range(1542)]
    for day in (5, 6):
        put(settings, f"2026-01-{day:02}", {"Slot.ndjson": feed})
        load_all(settings, lake)
    flatten(lake)
    assert query(lake, "select count(*), count(distinct id) from fhir_current") == [(1542, 112)]
    assert query(lake, "select stored, duplicate from ledger order by received") == [
        (1542, 0),
        (0, 1542),
    ]
