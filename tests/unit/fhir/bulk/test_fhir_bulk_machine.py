"""The parts of the client by themselves: settings, answers, transport, pages, bytes, state."""

import gzip
import io
import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bulk_hospital import DAY, RESOURCES, make_hospital
from bulk_server import Scripted, outcome
from lakeward.core import unpacked_size
from lakeward.core.errors import PermanentError, SpecError, UsageError
from lakeward.core.settings import load_settings
from lakeward.fhir.bulk.content import ContentChecks, LineTooLongError, store
from lakeward.fhir.bulk.exports import ExportRequest, begin, cancel, complete
from lakeward.fhir.bulk.filters import verifier
from lakeward.fhir.bulk.outcome import count_losses
from lakeward.fhir.bulk.pages import Page, file_entries, merged_manifest, safe_name
from lakeward.fhir.bulk.polling import (
    Meaning,
    Patience,
    interpret_kick_off,
    interpret_status,
    percent,
)
from lakeward.fhir.bulk.steps import step
from lakeward.fhir.bulk.store import append_line, read_lines, read_model, store_of
from lakeward.fhir.bulk.transport import Answer, authority, connect, without_query
from lakeward.fhir.bulk.unpacking import TruncatedError, gunzipped, lines_of, unpacked
from lakeward.fhir.bulk.watermark import Watermark
from lakeward.landing.bulk import BulkExport
from lakeward.landing.manifest import ManifestFile, parse_manifest
from lakeward.landing.sources import Source

Make = Callable[..., Any]
GOOD = {"base_url": "https://ehr.example.org/fhir", "group": "g", "types": ("Patient", "Encounter")}
NOW = datetime(2026, 1, 5, tzinfo=UTC)


# settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "http://ehr.example.org/fhir"},
        {"base_url": "ehr.example.org"},
        {"token_url": "http://auth.example.org/token"},
        {"group": None},
        {"level": "system"},
        {"types": ()},
        {"types": ("patient",)},
        {"concurrency": 11},
        {"type_filters": ("Task?status=active",)},
        {"type_filters": ("Patient",)},
        {"type_filters": ("Patient?_sort=name",)},
        {"type_filters": ("Patient?a=b,c", "Encounter?a=b")},
        {"client_secret": "s"},
    ],
)
def test_wrong_settings_are_rejected(wrong: dict[str, Any]) -> None:
    assert BulkExport.model_validate(GOOD)
    with pytest.raises(ValidationError):
        BulkExport.model_validate({**GOOD, **wrong})


def test_only_fhir_sources_are_pulled(hospital: Make) -> None:
    source = hospital().source.model_dump()
    with pytest.raises(ValidationError, match="`bulk` is for format fhir"):
        Source.model_validate({**source, "format": "hl7v2"})


# answers


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"" if body is None else json.dumps(body).encode())


PATIENCE = Patience(NOW, 0, 0, 0.5, 300, 900)
MANIFEST = {"output": [], "transactionTime": "2026-01-05T00:00:00Z"}


@pytest.mark.parametrize(
    ("given_", "meaning", "final"),
    [
        (answer(202), Meaning.running, False),
        (answer(202, "working"), Meaning.running, False),
        (answer(202, MANIFEST), Meaning.manifest, False),
        (answer(200, MANIFEST), Meaning.manifest, True),
        (answer(200, MANIFEST, x_export_status="200"), Meaning.manifest, True),
        (answer(200, None, x_export_status="202 Accepted"), Meaning.running, False),
        (answer(200, MANIFEST, x_export_status="202"), Meaning.manifest, False),
        (answer(200, outcome("transient"), x_export_status="500"), Meaning.failed, False),
        (answer(200, "<html>"), Meaning.failed, False),
        (answer(429), Meaning.later, False),
        (answer(503), Meaning.later, False),
        (answer(404, outcome("not-found")), Meaning.gone, False),
        (answer(410), Meaning.gone, False),
        (answer(401), Meaning.unauthorized, False),
        (answer(403, outcome("forbidden")), Meaning.failed, False),
        (answer(500, outcome("processing")), Meaning.failed, False),
        *[
            (answer(status, outcome(code)), Meaning.later, False)
            for status in (400, 409, 500, 504)
            for code in (
                "transient",
                "lock-error",
                "no-store",
                "exception",
                "timeout",
                "incomplete",
                "throttled",
            )
        ],
    ],
)
def test_what_an_answer_to_a_status_request_means(
    given_: Answer, meaning: Meaning, final: bool
) -> None:
    found = interpret_status(given_, PATIENCE)
    assert (found.meaning, found.is_final) == (meaning, final)
    assert "SECRETNAME" not in repr(found.codes)


def test_a_kick_off_without_a_status_url_is_a_failure() -> None:
    assert interpret_kick_off(answer(202), PATIENCE).meaning is Meaning.failed
    accepted = interpret_kick_off(answer(202, content_location="x"), PATIENCE)
    assert accepted.meaning is Meaning.accepted


@pytest.mark.parametrize(
    ("words", "number"),
    [("37%", 37), (" 5 % done", 5), ("999%", 100), ("soon", None), (None, None)],
)
def test_progress_is_read_where_it_can_be(words: str | None, number: int | None) -> None:
    assert percent(words) == number


def test_outcomes_are_losses_by_severity_and_when_they_cannot_be_read() -> None:
    lines = [
        json.dumps(outcome("x", severity)).encode()
        for severity in ("information", "warning", "error", "fatal")
    ]
    assert count_losses(lines) == 2
    assert count_losses([b"", b" ", b"not json", b"{}"]) == 2


# transport


@pytest.mark.parametrize(
    ("url", "token", "wrong"),
    [
        ("http://ehr.example.org/x", None, "is not protected by TLS"),
        ("ftp://ehr.example.org/x", None, "is not protected by TLS"),
        ("http://127.0.0.1:1/x", None, "is not protected by TLS"),  # the server is not this machine
        ("https://files.example.org/x", "token", "does not trust this host"),
        ("https://ehr.example.org:8443/x", "token", "does not trust this host"),
    ],
)
def test_a_url_that_must_not_be_asked_is_not(url: str, token: str | None, wrong: str) -> None:
    with (
        connect(BulkExport.model_validate(GOOD)) as transport,
        pytest.raises(PermanentError, match=wrong),
    ):
        transport.send("GET", url, headers={}, token=token)


def test_urls_are_reported_without_what_can_be_secret() -> None:
    assert without_query("https://u:p@h.org:1/a/b?sig=SECRET#x") == "https://h.org:1/a/b"
    assert authority("https://H.org/a") == authority("https://h.org:443/b") == "h.org:443"


def test_what_is_posted_is_never_redirected_elsewhere(hospital: Make) -> None:
    one = hospital(auth=True)
    other = one.another_server()
    one.server.switches.scripts["token"] = [Scripted(307, {"Location": f"{other.origin}/token"})]
    with pytest.raises(UsageError, match="answers 307"):
        one.pull()
    assert not other.seen


def test_redirects_without_end_are_left(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(302, {"Location": "/status/1"})] * 20})
    export = one.pull()
    assert export.state == "failed"
    assert "redirects without end" in str(export.failure)


# time


def test_an_export_that_never_ends_is_given_up(hospital: Make) -> None:
    one = hospital(busy=10**6, bulk_max_age_hours=2)
    export = one.pull()
    assert (export.state, export.failure) == ("failed", "older than max_age_hours")
    assert sum(one.time.slept) <= 2 * 3600 + 300
    assert len(one.server.of("status")) < 40  # asked more and more rarely
    one.server.switches.busy = 0
    one.server.switches.one_at_a_time = True
    assert one.pull().state == "complete"  # the slot was given back


def test_a_server_error_that_says_nothing_is_not_believed_for_ever(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(502, body=b"<html>")] * 100})
    export = one.pull()
    assert (export.state, export.failure) == ("failed", "export failed at the server: 502")
    assert len(one.server.of("status")) == 6


def test_a_kick_off_that_nobody_answers_is_not_sent_for_ever(hospital: Make) -> None:
    one = hospital()
    one.bulk["base_url"] = "http://127.0.0.1:9/fhir"
    export = one.pull()
    assert (export.state, export.is_resumable) == ("failed", False)
    assert "127.0.0.1:9/fhir/$export: cannot be reached (ConnectError)" in str(export.failure)
    assert one.time.slept == [2, 4, 8, 16, 32]


def test_a_server_that_is_away_for_a_while_is_waited_for(hospital: Make) -> None:
    one = hospital(busy=1)
    context = one.context()

    def sleep(seconds: float) -> None:
        one.time.sleep(seconds)
        away = len(one.time.slept) < 9
        object.__setattr__(context.transport, "client", dead if away else alive)

    alive, dead = context.transport.client, httpx.Client(proxy="http://127.0.0.1:9")
    object.__setattr__(context.clock, "sleep", sleep)
    with dead:
        assert (
            complete(context, begin(context, ExportRequest(one.time.now().date()))).state
            == "complete"
        )
    assert len(one.server.of("kickoff")) == 1
    assert len(one.time.slept) == 9


def test_many_small_files_are_fetched_with_one_kick_off(hospital: Make) -> None:
    patients = [{"resourceType": "Patient", "id": str(n)} for n in range(250)]
    one = hospital(patients, rows=1, bulk_concurrency=8)
    export = one.pull()
    assert export.state == "complete"
    assert len(one.landed()) == 250
    assert export.revision < 20  # steps take many files


LATER = [
    Scripted(429, {"Retry-After": "7"}),
    Scripted(503),
    Scripted(500, body=outcome("transient")),
    Scripted(409, body=outcome("lock-error")),
    Scripted(502, body=b"<html>"),
]


@settings(max_examples=25, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "kickoff": st.lists(st.sampled_from(LATER), max_size=3),
            "status": st.lists(st.sampled_from([*LATER, Scripted(202)]), max_size=4),
            "page": st.lists(st.sampled_from([*LATER, Scripted(202)]), max_size=3),
            "file": st.lists(
                st.sampled_from([*LATER, Scripted(200, body=b"<html>"), Scripted(410)]), max_size=5
            ),
            "delete": st.lists(st.sampled_from(LATER), max_size=3),
            "token": st.lists(st.sampled_from(LATER[:2]), max_size=2),
        }
    ),
    st.integers(0, 2),
)
def test_whatever_passes_by_itself_the_export_ends_the_same(
    scripts: dict[str, list[Scripted]], cut: int
) -> None:
    with TemporaryDirectory() as folder, ExitStack() as stack:
        one = make_hospital(
            load_settings(Path(folder)),
            stack,
            auth=True,
            rows=3,
            pages=2,
            cut=cut,
            scripts={kind: list(answers) for kind, answers in scripts.items()},
            bulk_retries=20,
        )
        assert one.pull().state == "complete"
        assert len(one.server.exports) == 1
        landed = [json.loads(line)["id"] for p in one.landed() for line in p.open()]
        assert sorted(landed) == sorted(r["id"] for r in RESOURCES)


# pages and names


@given(st.text(min_size=1, max_size=200), st.sampled_from(["Patient", None]))
def test_a_name_is_always_one_safe_part_of_a_path(text: str, kind: str | None) -> None:
    name = safe_name(ManifestFile("output", f"https://h/{text}", kind))
    assert name == Path(name).name
    assert not name.startswith(".")
    assert name.lower() not in ("manifest.json", "_complete")
    assert len(name) <= 120
    assert name.isascii()


@given(
    st.lists(
        st.sampled_from(
            ["a.ndjson", "A.ndjson", "../../a.ndjson", "a-2.ndjson", "%2e%2e%2fa", "manifest.json"]
        ),
        max_size=12,
    )
)
def test_names_are_unique_and_the_manifest_knows_each(urls: list[str]) -> None:
    body = {
        "transactionTime": "2026-01-05T00:00:00Z",
        "requiresAccessToken": True,
        "output": [{"type": "Patient", "url": f"https://h/f/{u}", "count": 1} for u in urls],
    }
    pages = [Page("https://h/status", body)]
    entries = file_entries(pages, pages)
    names = [entry.name for entry in entries]
    assert len({n.lower() for n in names}) == len(urls)
    merged = parse_manifest(merged_manifest(pages, entries, "https://h/$export"), "it")
    assert [file.name for file in merged.files] == names
    assert all(merged.file(name) for name in names)


def test_a_manifest_is_kept_to_the_letter(hospital: Make) -> None:
    text = b'{"output" :[],  "transactionTime":"2026-01-05T06:00:00Z","n":1.50,"link":[]}'
    one = hospital(scripts={"status": [Scripted(200, {"Set-Cookie": "s=SECRET"}, text)]})
    export = one.pull()
    folder = store_of(one.settings.home, "ehr_fhir").job_folder(export)
    kept = json.loads((folder / "page-1.json").read_text())
    assert kept["body"].encode() == text
    assert kept["status"] == 200
    assert "date" in kept["headers"]
    assert "SECRET" not in json.dumps(kept)


# bytes


def pieces(data: bytes, seed: int) -> list[bytes]:
    chance, found = random.Random(seed), []
    while data:
        size = chance.randint(1, 7)
        found.append(data[:size])
        data = data[size:]
    return found


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 5))
def test_gzip_in_any_pieces_and_members_is_what_it_was(a: bytes, b: bytes, seed: int) -> None:
    packed = gzip.compress(a) + gzip.compress(b)
    assert b"".join(gunzipped(pieces(packed, seed))) == a + b
    assert b"".join(unpacked(pieces(packed, seed), "gzip")) == a + b
    assert b"".join(unpacked(pieces(packed, seed), None)) == packed
    assert b"".join(gunzipped(pieces(b"{" + a, seed))) == b"{" + a


def test_gzip_that_unfolds_too_far_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked_size, "FREE", 1_000_000)
    packed = gzip.compress(bytes(20_000_000))
    with pytest.raises(TruncatedError, match="unfolds"):
        b"".join(gunzipped(packed[n : n + 100] for n in range(0, len(packed), 100)))
    plain = b" ".join(b"%d" % number for number in range(300_000))  # as exports do
    assert b"".join(gunzipped([gzip.compress(plain)])) == plain


@given(st.binary(min_size=1, max_size=60), st.integers(3, 40), st.integers(0, 5))
def test_gzip_that_ends_too_early_is_an_error(content: bytes, lost: int, seed: int) -> None:
    packed = gzip.compress(content)
    cut = packed[: max(2, len(packed) - lost)]
    with pytest.raises(TruncatedError):
        b"".join(gunzipped(pieces(cut, seed)))


@given(
    st.lists(st.sampled_from([b'{"a":1}', b"", b" ", b"{}\r", b'{"b":"x y"}']), max_size=8),
    st.booleans(),
    st.integers(0, 5),
)
def test_lines_are_counted_in_whatever_pieces_they_come(
    lines: list[bytes], bom: bool, seed: int
) -> None:
    data = (b"\xef\xbb\xbf" if bom else b"") + b"\n".join(lines)
    target = io.BytesIO()
    found, _ = store(pieces(data, seed), target, ContentChecks(limit=100))
    assert target.getvalue() == data
    assert found.lines == len([line for line in lines if line.strip()])
    assert found.stored_size == found.size == len(data)
    assert found.is_ndjson
    assert not found.is_cut_off


def test_a_line_that_is_too_long_is_left_before_memory_is_full() -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1000
            yield b"{" + b"x" * 999

    with pytest.raises(LineTooLongError):
        store(endless(), io.BytesIO(), ContentChecks(limit=10_000))
    assert taken < 20_000


@pytest.mark.parametrize(
    ("data", "cut"), [(b'{"a":1}\n{"a":', True), (b'{"a":1}', False), (b'{"a":\n', False)]
)
def test_a_file_that_ends_within_a_resource_is_cut_off(data: bytes, cut: bool) -> None:
    found, _ = store([data], io.BytesIO(), ContentChecks(limit=100))
    assert found.is_cut_off is cut


# what is kept


def test_a_journal_whose_last_line_was_cut_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j.ndjson"
    append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "na')
    append_line(path, {"n": 3})
    assert [r["n"] for r in read_lines(path)] == [1, 3]
    assert path.stat().st_mode & 0o077 == 0


def test_a_state_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    assert read_model(path, Watermark) is None
    path.write_text('{"since": 1')
    with pytest.raises(SpecError, match="cannot be read"):
        read_model(path, Watermark)


def test_nothing_of_the_state_can_be_read_by_others(hospital: Make) -> None:
    one = hospital(auth=True)
    one.pull()
    folder = store_of(one.settings.home, "ehr_fhir").folder
    files = [p for p in folder.rglob("*.*json*") if p.is_file()]
    assert len(files) >= 4
    assert not [p for p in files if p.stat().st_mode & 0o077]
    assert folder.stat().st_mode & 0o077 == 0


def test_what_was_given_up_leaves_no_files_behind(hospital: Make) -> None:
    one = hospital(rows=2, scripts={"file": [Scripted(200, body=b'{"x":1}\n{"y":2}\n')]})
    one.server.switches.damage = lambda _: b"<html>"
    one.pull()
    store = store_of(one.settings.home, "ehr_fhir")
    assert len(list(store.folder.rglob("files/*.ndjson"))) == 1
    assert cancel(one.context()) is not None
    assert not list(store.folder.rglob("files/*"))
    assert one.server.exports[0].is_deleted


def test_a_job_whose_url_must_not_be_asked_does_not_stop_the_next_export(hospital: Make) -> None:
    unsafe = Scripted(202, {"Content-Location": "http://ehr.example.org/status/1"})
    one = hospital(scripts={"kickoff": [unsafe, unsafe]})
    first = one.pull()
    assert first.state == "failed"
    assert "not protected by TLS" in (first.failure or "")
    assert cancel(one.context()) is not None
    assert one.pull().state == "failed"
    assert one.pull().state == "complete"


def test_a_window_is_not_taken_for_a_full_export(hospital: Make) -> None:
    one = hospital()
    with pytest.raises(UsageError, match="contradict"):
        one.pull(full=True, since=NOW)
    assert store_of(one.settings.home, "ehr_fhir").load() is None


def test_an_error_that_comes_packed_is_read(hospital: Make) -> None:
    packed = gzip.compress(json.dumps(outcome("throttled")).encode())
    one = hospital(scripts={"file": [Scripted(400, {"Content-Encoding": "gzip"}, packed)]})
    assert one.pull().state == "complete"


def test_a_token_url_is_signed_as_it_is_written() -> None:
    bulk = BulkExport(**GOOD, token_url="https://auth.example.org/token/")
    assert bulk.token_url == "https://auth.example.org/token/"
    assert (
        BulkExport(**{**GOOD, "base_url": "https://e.org/fhir/"}).base_url == "https://e.org/fhir"
    )


# filters


def resource(kind: str, **fields: Any) -> bytes:
    return json.dumps({"resourceType": kind, **fields}).encode()


@pytest.mark.parametrize(
    ("filters", "line", "unwanted"),
    [
        (["Task?status=ready,draft"], resource("Task", status="draft"), False),
        (["Task?status=ready"], resource("Task", status="draft"), True),
        (["Task?status=ready", "Task?status=draft"], resource("Task", status="draft"), False),
        (["Task?status=ready&intent=order"], resource("Task", status="ready"), True),
        (["Patient?active=true"], resource("Patient", active=True), False),
        (["Patient?active=true"], resource("Patient"), True),
        (["Encounter?class=AMB"], resource("Encounter", **{"class": {"code": "AMB"}}), False),
        (
            ["Observation?category=urn:x|lab"],
            resource("Observation", category=[{"coding": [{"system": "urn:x", "code": "lab"}]}]),
            False,
        ),
        (
            ["Observation?category=urn:y|lab"],
            resource("Observation", category=[{"coding": [{"system": "urn:x", "code": "lab"}]}]),
            True,
        ),
        (
            ["Appointment?date=ge2026-01-05"],
            resource("Appointment", start="2026-01-06T08:00:00Z"),
            False,
        ),
        (
            ["Appointment?date=ge2026-01-05&date=lt2026-02-01"],
            resource("Appointment", start="2026-03-06T08:00:00Z"),
            True,
        ),
        (
            ["Encounter?date=ge2026-01-05"],
            resource("Encounter", period={"start": "2025-12-31"}),
            False,  # it still goes on
        ),
        (["Task?status=ready"], resource("Patient"), False),
        (["Task?status=ready"], b"not json", False),
    ],
)
def test_plain_filters_are_evaluated(filters: list[str], line: bytes, unwanted: bool) -> None:
    check = verifier(filters[0].split("?")[0], filters)
    assert check is not None
    assert check.is_unwanted(line) is unwanted


@pytest.mark.parametrize(
    "filters",
    [
        ["Task?status:not=ready"],
        ["Task?owner=Practitioner/1"],
        ["Task?status=ready", "Task?owner=Practitioner/1"],
        ["Task?authored-on=2026-01-05"],
        ["Patient?active=true"],
        [],
    ],
)
def test_filters_that_cannot_be_evaluated_are_left_out(filters: list[str]) -> None:
    assert verifier("Task", filters) is None


def test_filters_that_the_server_ignores_are_counted(hospital: Make) -> None:
    one = hospital(bulk_type_filters=("Encounter?status=planned",))
    export = one.pull()
    assert export.state == "complete"
    assert export.job.unwanted == 8
    assert len(one.landed()) == 2  # nothing is left out


@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_a_file_are_those_of_its_bytes(tmp_path: Path, *, packed: bool) -> None:
    content = b"\n".join(b"%d" % n * (n % 50_000) for n in (1, 0, 3, 49_999, 7)) + b"\nlast"
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(lines_of(path)) == content.split(b"\n")


def test_a_server_that_drips_is_left_for_later(
    hospital: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hospital()
    monkeypatch.setattr("lakeward.fhir.bulk.transport.MAX_SECONDS", -1.0)
    context = one.context()
    export = begin(context, ExportRequest(DAY))
    for _ in range(3):
        export = step(context, export)
    assert (export.state, export.failure) == ("running", "answers too slowly")
