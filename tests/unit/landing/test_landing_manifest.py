"""Manifests of every version of the guide read as one shape."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import SpecError
from lakeward.landing.manifest import Manifest, parse_manifest

REQUEST = "https://ehr.example/fhir/Group/g-1/$export?_type=Patient,Slot&_type=Task"
OUTPUT = [{"type": "Patient", "url": "https://x.example/o/p%201.ndjson", "count": "2"}]
DELETED = [{"type": "Bundle", "url": "https://x.example/o/d.ndjson"}]
MESSAGES = [{"type": "OperationOutcome", "url": "https://x.example/o/e.ndjson"}]
BASE: dict[str, Any] = {
    "transactionTime": "2026-01-01T10:00:00+02:00",
    "requiresAccessToken": True,
    "output": OUTPUT,
    "deleted": DELETED,
}
VERSIONS: dict[str, dict[str, Any]] = {
    "STU1": {**BASE, "request": REQUEST, "error": MESSAGES, "extension": {"x": 1}},
    "STU2": {**BASE, "request": REQUEST, "error": MESSAGES, "extension": {}},
    "STU3": {**BASE, "request": REQUEST, "error": MESSAGES, "outputOrganizedBy": "", "link": []},
    "STU4": {
        **BASE,
        "request": REQUEST,
        "outcome": MESSAGES,
        "extension": [{"url": "https://x.example", "valueBoolean": True}],
        "link": [{"relation": "next", "url": "#pending"}],
    },
}


def normal(name: str) -> Manifest:
    return parse_manifest(VERSIONS[name], name)


@pytest.mark.parametrize("name", VERSIONS)
def test_all_versions_normalise_identically(name: str) -> None:
    assert normal(name) == normal("STU1")


def test_what_a_manifest_says() -> None:
    manifest = normal("STU3")
    assert manifest.transaction_time == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert [(f.kind, f.type, f.name, f.count) for f in manifest.files] == [
        ("output", "Patient", "p 1.ndjson", 2),
        ("deleted", "Bundle", "d.ndjson", None),
        ("outcome", "OperationOutcome", "e.ndjson", None),
    ]
    assert manifest.group == "Group/g-1"
    assert manifest.asked_types == ("Patient", "Slot", "Task")
    assert manifest.server_base == "https://ehr.example/fhir"
    assert manifest.next_url is None


@pytest.mark.parametrize(
    ("request_url", "group", "base", "types"),
    [
        ("https://h/fhir/$export", "system", "https://h/fhir", ()),
        ("https://h/fhir/Patient/%24export?_type=Slot", "Patient", "https://h/fhir", ("Slot",)),
        ("https://h/a/Group/x/$export?_type=A%2CB", "Group/x", "https://h/a", ("A", "B")),
        ("https://h/$export?_type=../x", "system", "https://h", ()),
        ("not a url", "system", None, ()),
        (None, None, None, ()),
    ],
)
def test_the_request_states_group_server_and_types(
    request_url: str | None, group: str | None, base: str | None, types: tuple[str, ...]
) -> None:
    manifest = parse_manifest({"output": [], "request": request_url}, "manifest")
    assert (manifest.group, manifest.server_base, manifest.asked_types) == (group, base, types)


@pytest.mark.parametrize(
    "data",
    [[], None, {}, {"output": {}}, {"output": [{}]}, {"output": [5]}, {"transactionTime": "x"}],
)
def test_what_is_no_manifest_is_refused(data: Any) -> None:
    with pytest.raises(SpecError):
        parse_manifest(data, "manifest")


WRONG: dict[str, Any] = {
    "link": {"link": 5},
    "link.0.url": {"link": [{"relation": "next", "url": "https://[::1/p"}]},
    "deleted": {"deleted": 5},
    "error.0": {"error": ["x"]},
    "output": {"output": {"0": {}}},
    "output.0.url": {"output": [{"url": "https://[::1/p"}]},
    "output.0.url ": {"output": [{"url": ""}]},
    "output.0.type": {"output": [{"url": "a", "type": ["Patient"]}]},
    "output.0.type ": {"output": [{"url": "a", "type": "\ud800"}]},
    "output.0.count": {"output": [{"url": "a", "count": 10**20}]},
    "output.0.count ": {"output": [{"url": "a", "count": "1" * 5000}]},
    "output.0.count  ": {"output": [{"url": "a", "count": True}]},
    "output.0.count   ": {"output": [{"url": "a", "count": -1}]},
    "output.0.fileSize": {"output": [{"url": "a", "fileSize": 1e400}]},
    "transactionTime": {"transactionTime": 20260105},
    "requiresAccessToken": {"requiresAccessToken": "true"},
    "request": {"request": "https://[::1/$export"},
}


@pytest.mark.parametrize("place", WRONG)
def test_a_manifest_with_a_wrong_type_is_refused_by_the_place_of_it(place: str) -> None:
    with pytest.raises(SpecError, match="is not as the guide says") as refusal:
        parse_manifest({"output": [], **WRONG[place]}, "manifest")
    assert refusal.value.where == f"manifest {place.strip()}"
    assert not {"::1", "1111", "\ud800"} & set(str(refusal.value).split())


def test_properties_that_nobody_reads_may_be_anything() -> None:
    data = {"output": [{"url": "a", "extension": 5, "x": [[[]]]}], "extension": 5, "msg": None}
    assert [f.name for f in parse_manifest(data, "manifest").files] == ["a"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/o/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("../../outbox/list.csv", "list.csv"),
        ("https://h/a%00b%1b%5B2J.ndjson", "ab[2J.ndjson"),
        ("https://h/", ""),
    ],
)
def test_the_name_of_a_file_leads_nowhere(url: str, name: str) -> None:
    assert parse_manifest({"output": [{"url": url}]}, "manifest").files[0].name == name


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x"])
def test_an_instant_that_no_table_holds_orders_nothing(time: str) -> None:
    assert parse_manifest({"output": [], "transactionTime": time}, "m").transaction_time is None


def test_the_published_examples_normalise(shared: Path) -> None:
    files = sorted((shared / "fhir" / "bulk-manifest-examples").glob("*.json"))
    found = {f.stem: parse_manifest(json.loads(f.read_text("utf-8")), f.name) for f in files}
    assert len(found) == 11
    assert all(m.transaction_time is not None for m in found.values())
    counted = {name: [f.kind for f in m.files] for name, m in found.items()}
    organized = "BulkDataManifestOrganizedByPatientExample"
    assert counted[organized] == ["output"] * 3 + ["deleted", "outcome"]
    assert found[organized].organized_by == "Patient"
    assert found[organized].next_url == "https://example.org/output/manifest-2.json"
    assert counted["bulk_export_response"] == ["output"] * 3 + ["deleted", "outcome"]
    assert found["bulk_export_response"].asked_types == ("Patient", "Observation")
    assert counted["BulkPublishManifestPendingStubExample"] == []
    assert found["BulkPublishManifestPendingStubExample"].next_url is None
    assert counted["BulkSubmitStatusManifestExample"] == ["outcome", "outcome"]
