"""Loading FHIR files: nothing is lost, nothing is stored twice, and what is bad says why."""

import gzip
import hashlib
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from killed_load import COUNTS, Killed, kill_before
from lakeward.core import unpacked_size
from lakeward.core.errors import RetryableError
from lakeward.core.settings import Settings
from lakeward.fhir.flat.view_rows import flatten_views
from lakeward.fhir.raw import checked_records, lines
from lakeward.fhir.raw import load as ingest
from lakeward.fhir.raw.load import RAW, load
from lakeward.fhir.raw.record_blocks import LEVELS
from lakeward.fhir.raw.repeats import REPEAT
from lakeward.fhir.raw.unknown_elements import beyond_r4, unknown_elements
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.ledger import FileCounts, LedgerFile
from lakeward.landing.sources import Source, load_inventory
from lakeward.quarantine.table import QUARANTINE

GOOD = b'{"resourceType":"Patient","id":"p1"}'


@pytest.fixture
def source(settings: Settings) -> Source:
    return load_inventory(settings.home).source("ehr_fhir")


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def entry(landing: Path, received: int, name: str, content: bytes) -> LedgerFile:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return LedgerFile("ehr_fhir", received, date(2026, 1, 5), name, digest, len(content), None)


def query(lake: Lake, text: str) -> list[tuple[Any, ...]]:
    with connect(lake) as connection:
        return connection.execute(text).fetchall()


def balanced(counts: list[FileCounts]) -> bool:
    return all(c.found == c.stored + c.duplicate + c.quarantined for c in counts)


def patient(number: int, **more: object) -> bytes:
    return json.dumps({"resourceType": "Patient", "id": f"p{number}", **more}).encode()


BAD = {
    b'{"resourceType":"Patient","id":"x"': "broken_json",
    b"{not json}": "broken_json",
    GOOD + GOOD: "broken_json",
    b'["resourceType"]': "not_an_object",
    b"5": "not_an_object",
    b'{"id":"x"}': "missing_resource_type",
    b'{"resourceType":5,"id":"x"}': "missing_resource_type",
    b'{"resourceType":"../Patient","id":"x"}': "illegal_resource_type",
    b'{"resourceType":"Zzyzxova","id":"x"}': "illegal_resource_type",
    b'{"resourceType":"DomainResource","id":"x"}': "illegal_resource_type",
    b'{"resourceType":"Patient"}': "missing_id",
    b'{"resourceType":"Patient","id":5}': "missing_id",
    b'{"resourceType":"Patient","id":""}': "illegal_id",
    b'{"resourceType":"Patient","id":"a/b"}': "illegal_id",
    b'{"resourceType":"Patient","id":"' + b"x" * 256 + b'"}': "illegal_id",
    b'{"resourceType":"Patient","id":"x","name":"\xff"}': "invalid_utf8",
    b'{"resourceType":"Patient","id":"x","name":{"family":"x"}}': "structure_mismatch",
    b'{"resourceType":"Patient","id":"x","id":"y"}': "duplicate_key",
    b'{"resourceType":"Patient","id":"x",}': "broken_json",
    b'{"resourceType":"Patient","id":"x","multipleBirthInteger":NaN}': "broken_json",
}


def test_each_rejected_line_is_quarantined_with_reason_and_position(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = b"\n".join([GOOD, *BAD, patient(2)])
    counts = load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", content)])
    assert counts == [FileCounts(1, len(BAD) + 2, 2, 0, len(BAD), "loaded")]
    rows = query(lake, "select * from quarantine order by position")
    names = [c.name for c in QUARANTINE.columns]
    for number, (row, (text, reason)) in enumerate(zip(rows, BAD.items(), strict=True)):
        found = dict(zip(names, row, strict=True))
        assert (found["reason"], found["place"]) == (reason, f"line {number + 2}")
        start = found["byte_offset"]
        assert content[start : start + found["byte_length"]] == text == found["content"]
        assert found["state"] == "open"
    assert len({row[0] for row in rows}) == len(BAD)


def test_lines_are_kept_verbatim_whatever_their_ends(
    lake: Lake, landing: Path, source: Source
) -> None:
    odd = '{"resourceType": "Patient",  "id":"p2", "x": "a\u2028b\u0085c", "n": 1.10}'.encode()
    big = patient(3, note="x" * 3_000_000)
    content = b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n" + odd + b"\n  \n" + big
    load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", content)])
    rows = query(lake, f"select line, byte_offset, resource from {RAW.name} order by line")
    assert [(n, text.encode()) for n, _, text in rows] == [(1, GOOD), (3, odd), (5, big)]
    assert all(content[start:].startswith(text.encode()) for _, start, text in rows)


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.ndjson"])
def test_gzip_is_recognised_by_its_bytes(
    lake: Lake, landing: Path, source: Source, name: str
) -> None:
    content = gzip.compress(GOOD + b"\n") + gzip.compress(patient(2)) + b"\0" * 64
    counts = load(lake, landing, source, [entry(landing, 1, f"ehr_fhir/d/{name}", content)])
    assert counts == [FileCounts(1, 2, 2, 0, 0, "loaded")]


def test_truncated_gzip_keeps_what_can_be_read(lake: Lake, landing: Path, source: Source) -> None:
    noise = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(2000)]
    text = b"\n".join(patient(n, note=noise[n]) for n in range(2000))
    counts = load(
        lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.gz", gzip.compress(text)[:-20_000])]
    )
    assert counts[0].quarantined == 1
    assert 100 < counts[0].stored < 2000
    assert query(lake, "select reason from quarantine") == [("truncated_gzip",)]


FOREIGN = {
    "log.ndjson": b'{"exportId":"1","eventDetail":{"resourceType":"Patient"}}\n{"a":1}\n',
    "manifest.json": b'{\n "transactionTime": "2026-01-01T00:00:00Z",\n "output": []\n}\n',
    "LICENSE": b"Apache License\n\nVersion 2.0 {brackets} here\n",
    "empty": b"",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_data_is_ignored(lake: Lake, landing: Path, source: Source, name: str) -> None:
    counts = load(lake, landing, source, [entry(landing, 1, f"ehr_fhir/d/{name}", FOREIGN[name])])
    state = "loaded" if name == "empty" else "ignored"
    assert counts == [FileCounts(1, 0, 0, 0, 0, state)]
    assert query(lake, "select count(*) from quarantine") == [(0,)]


@pytest.mark.parametrize(
    "content", [b'{"id": \n{"id": ', b'[{"resourceType":"Patient","id":"a"},\n{}]\n']
)
def test_broken_json_alone_is_not_ignored(
    lake: Lake, landing: Path, source: Source, content: bytes
) -> None:
    (counts,) = load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", content)])
    assert counts.state == "loaded"
    assert counts.found == counts.quarantined > 0


def test_a_resource_spread_over_lines_is_one_record(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = json.dumps(json.loads(GOOD), indent=1).encode()
    counts = load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.json", content)])
    assert counts == [FileCounts(1, 1, 1, 0, 0, "loaded")]
    assert query(lake, f"select line, resource from {RAW.name}") == [(1, content.decode())]


def test_duplicates_are_counted_within_and_across_loads(
    lake: Lake, landing: Path, source: Source
) -> None:
    first = entry(landing, 1, "ehr_fhir/d/a.ndjson", GOOD + b"\n" + GOOD + b"\n" + patient(2))
    second = entry(landing, 2, "ehr_fhir/d/b.ndjson", GOOD + b"\n" + patient(1, active=True))
    third = entry(landing, 3, "ehr_fhir/e/c.ndjson", patient(2))
    counts = load(lake, landing, source, [first, second]) + load(lake, landing, source, [third])
    assert [(c.found, c.stored, c.duplicate) for c in counts] == [(3, 2, 1), (2, 1, 1), (1, 0, 1)]
    winner = query(lake, "select line, received from fhir_current where id = 'p1'")
    assert winner == [(2, 2)]


def exported(file: LedgerFile, kind: str | None = "output", type_: str | None = None) -> LedgerFile:
    """Return a file as a manifest lists it."""
    return replace(file, kind=kind, promised_type=type_)


ODD = b'{"resourceType":"Device","id":"d"}'


@pytest.mark.parametrize(
    ("name", "kind", "promised", "rejected"),
    [
        ("a.ndjson", "output", "Patient", 1),
        ("a.ndjson", "output", None, 0),  # organized by patient: of many types
        ("Device.ndjson", "output", "Patient", 1),  # the manifest binds, not the name
        ("Patient.000.ndjson.gz", None, None, 1),
        ("Device.ndjson", None, None, 0),  # hardly a device in it: the name is not meant so
        ("patients.ndjson", None, None, 0),
        ("a.ndjson", "outcome", "Patient", 3),
        ("a.ndjson", "deleted", None, 3),
    ],
)
def test_a_resource_of_another_type_than_the_file_promises(
    lake: Lake,
    landing: Path,
    source: Source,
    name: str,
    kind: str | None,
    promised: str | None,
    rejected: int,
) -> None:
    file = entry(landing, 1, f"ehr_fhir/d/{name}", b"\n".join([GOOD, ODD, patient(2)]))
    counts = load(lake, landing, source, [exported(file, kind, promised)])
    assert counts == [FileCounts(1, 3, 3 - rejected, 0, rejected, "loaded")]
    found = query(lake, "select distinct reason from quarantine")
    assert found == ([("wrong_resource_type",)] if rejected else [])


DELETION = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}],
}
HEADER = {"resourceType": "Parameters", "parameter": [{"name": "header"}]}
OUTCOME = {"resourceType": "OperationOutcome", "issue": []}


@pytest.mark.parametrize("resource", [DELETION, HEADER, OUTCOME], ids=lambda r: r["resourceType"])
def test_types_that_have_no_id_are_known_by_their_content(
    lake: Lake, landing: Path, source: Source, resource: dict[str, Any]
) -> None:
    line = json.dumps(resource).encode()
    named = json.dumps({**resource, "id": "x"}).encode()
    content = b"\n".join([line, named, line])
    counts = load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", content)])
    assert counts == [FileCounts(1, 3, 2, 1, 0, "loaded")]
    ids = query(lake, f"select id from {RAW.name} order by line")
    assert ids == [(hashlib.sha256(line).hexdigest(),), ("x",)]


def bundle(*entries: dict[str, Any], indent: int | None = 1) -> bytes:
    resource = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(resource, indent=indent).encode()


@pytest.mark.parametrize("indent", [1, None])
def test_each_entry_of_a_bundle_file_is_a_record(
    lake: Lake, landing: Path, source: Source, indent: int | None
) -> None:
    content = bundle(
        {"fullUrl": "urn:x", "resource": json.loads(GOOD)},
        {"resource": {"resourceType": "Patient"}},
        {"resource": json.loads(patient(2))},
        {"resource": json.loads(GOOD)},
        indent=indent,
    )
    file = entry(landing, 1, "ehr_fhir/d/bundle.json", content)
    assert load(lake, landing, source, [file]) == [FileCounts(1, 4, 2, 1, 1, "loaded")]
    rows = query(lake, f"select line, byte_offset, id, resource from {RAW.name} order by line")
    assert [(line, id_) for line, _, id_, _ in rows] == [(1, "p1"), (3, "p2")]
    for _, start, _, text in rows:
        assert content[start:].startswith(text.encode())
    bad = query(lake, "select place, position, byte_offset, content from quarantine")
    ((place, position, start, raw),) = bad
    assert (place, position) == ("entry 2", 2)
    assert content[start:].startswith(raw)
    assert json.loads(raw) == {"resourceType": "Patient"}


def test_a_bundle_that_deletes_is_kept_whole_beside_its_entries(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = bundle({"resource": json.loads(GOOD)}, *DELETION["entry"])
    files = [
        entry(landing, 1, "ehr_fhir/d/a.json", content),
        entry(landing, 2, "ehr_fhir/d/empty.json", b'{"resourceType":"Bundle"}'),
    ]
    counts = load(lake, landing, source, files)
    assert [(c.found, c.stored) for c in counts] == [(2, 2), (1, 1)]
    rows = query(
        lake, f"select received, line, resource_type from {RAW.name} order by received, line"
    )
    assert rows == [(1, 0, "Bundle"), (1, 1, "Patient"), (2, 0, "Bundle")]
    assert query(lake, f"select resource from {RAW.name} where line = 0 and received = 1") == [
        (content.decode(),)
    ]


@pytest.mark.parametrize("name", ["a.ndjson", "a.json"])
def test_a_line_of_an_ndjson_file_is_never_cut_up(
    lake: Lake, landing: Path, source: Source, name: str
) -> None:
    line = bundle({"resource": json.loads(GOOD)}, indent=None)
    content = line if name == "a.ndjson" else line + b"\n" + patient(2)
    load(lake, landing, source, [entry(landing, 1, f"ehr_fhir/d/{name}", content)])
    assert query(lake, f"select resource_type, resource from {RAW.name} where line = 1") == [
        ("Bundle", line.decode())
    ]


def test_shape_is_checked_where_a_view_of_the_home_walks(
    lake: Lake, landing: Path, source: Source, tmp_path: Path
) -> None:
    line = json.dumps(
        {"resourceType": "Basic", "id": "b", "code": {"coding": {"code": "x"}}}
    ).encode()
    folder = tmp_path / "views"
    folder.mkdir()
    view = {"resourceType": "ViewDefinition", "name": "basic", "resource": "Basic"}
    column = {"name": "code", "path": "code.coding.code", "collection": True}
    definition = view | {"status": "active", "select": [{"column": [column]}]}
    (folder / "basic.json").write_text(json.dumps(definition))
    files = [entry(landing, n, f"ehr_fhir/d/{n}", line + b" " * n) for n in (1, 2)]
    (before,) = load(lake, landing, source, files[:1])
    (after,) = load(lake, landing, source, files[1:], folder)
    assert (before.stored, after.quarantined) == (1, 1)
    assert query(lake, "select reason, detail from quarantine") == [
        ("structure_mismatch", "Basic.code.coding: is not a list")
    ]
    (folder / "basic.json").write_text("{}")
    (third,) = load(lake, landing, source, [entry(landing, 3, "3", patient(3))], folder)
    assert third.stored == 1  # a faulty view stops the flat tables, not the way into raw


def test_ids_longer_than_r4_allows_are_kept_and_counted(
    lake: Lake, landing: Path, source: Source
) -> None:
    long = json.dumps({"resourceType": "Patient", "id": "x" * 90}).encode()
    counts = load(
        lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", GOOD + b"\n" + long)]
    )
    assert counts == [FileCounts(1, 2, 2, 0, 0, "loaded")]
    assert beyond_r4(lake) == {"long_id/Patient": 1}


def test_unknown_elements_are_kept_and_counted_but_not_named(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = [
        patient(1, nickname="x", _birthDate={"extension": []}),
        patient(2, nickname="y", **{"Jane Doe": 1}),
        patient(3, extension=[{"nickname": 1}]),
        b'{"resourceType":"SubstanceProtein","id":"n","x":1}',  # R4 has it, our models do not
    ]
    counts = load(lake, landing, source, [entry(landing, 1, "a", b"\n".join(content))])
    assert counts[0].stored == 4
    assert unknown_elements(lake) == {"unknown_element/Patient": 2}
    (kept,) = query(lake, f"select resource from {RAW.name} where id = 'p1'")
    assert kept == (content[0].decode(),)


def deep(id_: str, items: int) -> bytes:
    """Return a questionnaire response of nested items: a list and an object each."""
    # brackets in a text are no levels
    inside = b'{"linkId":"[{[{","item":[' * (items - 1) + b'{"linkId":"z"}' + b"]}" * (items - 1)
    head = b'{"resourceType":"QuestionnaireResponse","id":"%s","item":[' % id_.encode()
    return head + inside + b"]}"


def test_a_record_that_is_nested_too_deeply_is_quarantined(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = [
        deep("deep", LEVELS // 2 - 1),
        deep("deeper", LEVELS // 2),
        deep("bottomless", 20_000),
        patient(1, name=[{"family": "{[" * 300}]),
        b"[" * 100_000,
        patient(2),
    ]
    load(lake, landing, source, [entry(landing, 1, "a", b"\n".join(content))])
    assert query(lake, f"select id from {RAW.name} order by id") == [("deep",), ("p1",), ("p2",)]
    rows = query(lake, "select position, reason from quarantine order by position")
    assert rows == [(number, "nested_too_deeply") for number in (2, 3, 5)]
    flatten_views(lake)
    assert query(lake, "select count(*) from fhir__questionnaire_response_item") == [(99,)]


@pytest.mark.parametrize("kind", ["resources", "short lines"])
def test_a_file_that_unfolds_too_far_is_read_to_a_bound(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(unpacked_size, "FREE", 100_000)
    monkeypatch.setattr(lines, "READ", 80_000)
    monkeypatch.setattr(lines, "MANY", 1_000)
    line = {"resources": patient(1), "short lines": b'{"id":'}[kind]
    packed = gzip.compress((line + b"\n") * 2_000_000)
    counts = load(lake, landing, source, [entry(landing, 1, "a.ndjson", packed)])
    assert balanced(counts)
    assert counts[0].found < 600_000
    reasons = dict(query(lake, "select reason, count(*) from quarantine group by all"))
    expected = {"resources": "gzip_unfolds_too_far", "short lines": "too_many_short_lines"}[kind]
    assert reasons[expected] == 1


NO_INSTANTS = (
    "infinity",
    "-infinity",
    "0044-03-15T00:00:00Z (BC)",
    "290000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "epoch",
)


def test_a_stamp_that_no_table_can_hold_is_kept_as_text_and_counted(
    lake: Lake, landing: Path, source: Source
) -> None:
    content = [
        patient(n, meta={"lastUpdated": text}, birthDate=text, deceasedDateTime=text)
        for n, text in enumerate(NO_INSTANTS)
    ]
    content.append(patient(99, meta={"lastUpdated": "9999-12-31T23:59:59Z"}))
    # the same id with a stamp that can be ordered: it wins
    content.append(patient(1, meta={"lastUpdated": "2026-01-05T00:00:00Z"}, active=True))
    load(lake, landing, source, [entry(landing, 1, "a", b"\n".join(content))])
    found = query(lake, f"select last_updated_text from {RAW.name} where last_updated is null")
    assert {text for (text,) in found} == set(NO_INSTANTS)
    assert beyond_r4(lake)["unreadable_last_updated/Patient"] == len(NO_INSTANTS)
    flatten_views(lake)
    rows = query(
        lake,
        "select birth_date, deceased_at, birth_date_text from fhir__patient"
        " where birth_date_text is not null",
    )
    assert sorted(text for *_, text in rows) == sorted(NO_INSTANTS)
    assert {(born, died) for born, died, _ in rows} == {(None, None)}
    assert query(lake, "select version_id is null from fhir_current where id = 'p1'") == [(True,)]
    assert query(lake, "select resource from fhir_current where id = 'p1'") == [
        (content[-1].decode(),)
    ]


FIDELITY = (
    '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"\\u00e9\\/"},'
    '"modifierExtension":[{"url":"u","valueDecimal":1.10}],"issued":"2015-02-07T13:28:17.2390+02:00",'
    '"_status":{"extension":[{"url":"u","valueString":" x "}]},"contained":[{"resourceType":'
    '"Patient","id":"c"}],"valueQuantity":{"value":100.0},"component":[{"code":{},'
    '"valueQuantity":{"value":1e-2}},{"code":{},"valueQuantity":{"value":0.010000000000000000001}}]}'
)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_resource_is_kept_to_the_letter(
    lake: Lake, landing: Path, source: Source, start: str, end: str, packed: bool
) -> None:
    content = f"{start}{FIDELITY}{end}".encode()
    content = gzip.compress(content) if packed else content
    load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/Observation.ndjson", content)])
    assert query(lake, f"select resource, content_sha256 from {RAW.name}") == [
        (FIDELITY, hashlib.sha256(FIDELITY.encode()).hexdigest())
    ]


def test_a_file_that_changes_while_it_is_read_is_not_stored(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = entry(landing, 1, "a", GOOD)
    find = ingest.find_duplicates

    def change(*args: Any) -> Any:
        (landing / "a").write_bytes(patient(1, active=True))
        return find(*args)

    monkeypatch.setattr(ingest, "find_duplicates", change)
    monkeypatch.setattr(checked_records, "KEPT_BYTES", 0)  # as of more than is kept
    with pytest.raises(RetryableError, match="changed while it was read"):
        load(lake, landing, source, [file])
    assert query(lake, f"select count(*) from {RAW.name}") == [(0,)]


def test_what_is_stored_is_what_was_checked(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that are few are not read again, so a change in between cannot come in."""
    file = entry(landing, 1, "a", GOOD)
    find = ingest.find_duplicates

    def change(*args: Any) -> Any:
        (landing / "a").write_bytes(patient(1, active=True))
        return find(*args)

    monkeypatch.setattr(ingest, "find_duplicates", change)
    load(lake, landing, source, [file])
    assert query(lake, f"select resource from {RAW.name}") == [(GOOD.decode(),)]


@pytest.mark.parametrize("held", [0, 1 << 30])
def test_records_kept_and_records_read_again_are_stored_alike(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(checked_records, "KEPT_BYTES", held)
    monkeypatch.setattr(lines, "READ", 1 << 10)  # many blocks
    monkeypatch.setattr(checked_records, "_COMPACT_AT", 3)
    content = b"\n".join(patient(n) if n % 7 else b"{broken" for n in range(200))
    (counts,) = load(lake, landing, source, [entry(landing, 1, "a.ndjson", content)])
    assert (counts.found, counts.stored, counts.quarantined) == (200, 171, 29)
    assert query(lake, f"select line, resource from {RAW.name} order by line") == [
        (n + 1, patient(n).decode()) for n in range(200) if n % 7
    ]


def test_a_wrong_shape_is_found_in_a_name_that_no_block_before_had(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`text` is a Narrative at the root and a string below: only its path decides."""
    monkeypatch.setattr(lines, "READ", 1 << 10)
    good = [patient(n, name=[{"text": "A"}]) for n in range(100)]
    content = b"\n".join([*good, patient(100, text="B"), *good[:3]])
    load(lake, landing, source, [entry(landing, 1, "a.ndjson", content)])
    assert query(lake, f"select position, reason from {QUARANTINE.name}") == [
        (101, "structure_mismatch")
    ]


def delivered(landing: Path) -> list[LedgerFile]:
    contents = [
        GOOD + b"\n{broken\n" + patient(2),
        patient(2) + b"\n" + patient(3) + b"\n[1]",
        b"not data",
        b"\n".join(patient(n) for n in range(50)) + b"\n{}",
    ]
    return [entry(landing, n + 1, f"ehr_fhir/d/{n}", c) for n, c in enumerate(contents)]


def content_of(lake: Lake) -> tuple[list[tuple[Any, ...]], ...]:
    return (
        query(lake, f"select * from {RAW.name} order by received, line"),
        query(lake, "select * from quarantine order by received, position"),
    )


def test_the_last_statement_wins_where_nothing_orders_versions(
    lake: Lake, landing: Path, source: Source
) -> None:
    statements = [patient(1, active=active) for active in (True, False, False, True)]
    for number, content in enumerate(statements, start=1):
        assert balanced(load(lake, landing, source, [entry(landing, number, f"{number}", content)]))
    within = b"\n".join(patient(2, active=active) for active in (True, False, True))
    (counts,) = load(lake, landing, source, [entry(landing, 5, "5", within)])
    assert (counts.stored, counts.duplicate) == (3, 0)
    current = "select id, resource like '%true%' from fhir_current order by id"
    assert query(lake, current) == [("p1", True), ("p2", True)]
    assert query(lake, "select count(*) from raw_fhir__resource where id = 'p1'") == [(3,)]


def test_a_repeat_changes_nothing(lake: Lake, landing: Path, source: Source) -> None:
    files = delivered(landing)
    counts = load(lake, landing, source, files)
    before, data = content_of(lake), sorted(lake.root.rglob("*.parquet"))
    assert load(lake, landing, source, files) == counts
    assert content_of(lake) == before
    assert sorted(lake.root.rglob("*.parquet")) == data
    assert balanced(counts)


@pytest.mark.parametrize("done", [1, 2, 3])
@pytest.mark.parametrize("moment", [QUARANTINE.name, RAW.name, REPEAT.name, COUNTS])
def test_an_interrupted_load_ends_the_same(
    lake: Lake,
    landing: Path,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
    done: int,
    moment: str,
) -> None:
    files = delivered(landing)
    twin = Lake(lake.root.with_name("twin"))
    wanted = load(twin, landing, source, files)

    load(lake, landing, source, files[:done])
    with monkeypatch.context() as patch:
        kill_before(patch, moment)
        with pytest.raises(Killed):
            load(lake, landing, source, files)
    assert load(lake, landing, source, files) == wanted
    assert content_of(lake) == content_of(twin)


def test_small_blocks_give_the_same_tables(
    lake: Lake, landing: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = delivered(landing)
    wanted = load(lake, landing, source, files)
    before = content_of(lake)
    shutil.rmtree(lake.root)
    monkeypatch.setattr(lines, "READ", 16)
    assert load(lake, landing, source, files) == wanted
    assert content_of(lake) == before


def test_envelope_of_a_resource(lake: Lake, landing: Path, source: Source) -> None:
    meta = {
        "versionId": "9",
        "lastUpdated": "2026-01-02T03:04:05.678+02:00",
        "tag": [{"code": "SUBSETTED"}],
    }
    line = patient(1, meta=meta)
    load(lake, landing, source, [entry(landing, 1, "ehr_fhir/d/a.ndjson", line)])
    names = "version_id, last_updated_text, is_subsetted, content_sha256, epoch_ms(last_updated)"
    assert query(lake, f"select {names} from {RAW.name}") == [
        ("9", meta["lastUpdated"], True, hashlib.sha256(line).hexdigest(), 1767315845678)
    ]


MISMATCHES = {
    "nhs-bars-1.4.0": {
        "Endpoint.header: is not a list",
        "HealthcareService.providedBy: is a list",
        "ServiceRequest.basedOn: is not a list",
    }
}
"""Shapes that are wrong in the published data."""

FOLDERS = ["bulk-10-patients", "bulk-manifest-examples", "nhs-bars-1.4.0", "r4-spec-examples"]


@pytest.mark.parametrize("folder", [*FOLDERS, "synthea-100-patients"])
def test_third_party_folders_lose_no_line(
    lake: Lake, shared: Path, source: Source, folder: str
) -> None:
    root = shared / "fhir" / folder
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    files = [
        LedgerFile("ehr_fhir", n, date(2026, 1, 5), path.relative_to(root).as_posix(), "", 0, None)
        for n, path in enumerate(paths, start=1)
    ]
    counts = load(lake, root, source, files)
    assert balanced(counts)
    for path, count in zip(paths, counts, strict=True):
        lines_ = [line for line in path.read_bytes().split(b"\n") if line.strip()]
        if path.suffix == ".ndjson" and count.state == "loaded":
            assert count.found == len(lines_), path.name
        if path.suffix == ".ndjson":
            assert count.state == ("ignored" if path.name == "log.ndjson" else "loaded")
    (total,) = query(lake, f"select count(*) from {RAW.name}")
    assert total == (sum(c.stored for c in counts),)
    mismatches = query(lake, "select distinct detail from quarantine where reason like 'struct%'")
    assert {detail for (detail,) in mismatches} == MISMATCHES.get(folder, set())
