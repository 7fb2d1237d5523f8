"""What every client must do: the 22 cases, each against a real server that deviates.

Cases 12 to 14 and 20 go on into the lake, in `test_fhir_bulk_loading`; 17 is in `..._kill`.
"""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bulk_server import Scripted, outcome
from lakeward.core.errors import UsageError
from lakeward.fhir.bulk.exports import ExportRequest, begin, complete
from lakeward.fhir.bulk.state import ExportRun
from lakeward.fhir.bulk.store import read_lines, read_model, store_of
from lakeward.fhir.bulk.watermark import Watermark
from lakeward.landing.manifest import parse_manifest

Make = Callable[..., Any]


def ids(hospital: Any, **of: Any) -> list[str]:
    """The ids of all landed resources."""
    return sorted(
        json.loads(line)["id"]
        for path in hospital.landed(**of)
        for line in path.read_text().splitlines()
    )


def watermark(hospital: Any) -> Watermark | None:
    return read_model(store_of(hospital.settings.home, "ehr_fhir").watermark, Watermark)


def events(hospital: Any, export: ExportRun) -> list[str]:
    path = store_of(hospital.settings.home, "ehr_fhir").export_folder(export) / "log.ndjson"
    return [record["eventId"] for record in read_lines(path)]


ALL = sorted([f"p{n}" for n in range(1, 6)] + [f"e{n}" for n in range(1, 9)])


def test_01_manifests_of_four_versions_mean_the_same(hospital: Make) -> None:
    seen = set()
    for version in (1, 2, 3, 4):
        one = hospital(version=version, rows=3)
        one.pull(full=version > 1)
        folder = max(p for p in one.settings.home.landing.glob("ehr_fhir/*/*") if p.is_dir())
        manifest = parse_manifest(json.loads((folder / "manifest.json").read_text()), "it")
        assert manifest.group == "system"
        seen.add(
            (manifest.transaction_time, tuple((f.kind, f.name, f.count) for f in manifest.files))
        )
        assert sorted(f.name for f in manifest.files) == sorted(
            p.name for p in folder.iterdir() if p.name != "manifest.json"
        )
    assert len(seen) == 1


@pytest.mark.parametrize("kickoff", ["get_comma", "get_repeat", "post_parameters"])
def test_02_each_way_to_kick_off(hospital: Make, kickoff: str) -> None:
    one = hospital(bulk_kickoff=kickoff, bulk_type_filters=("Encounter?status=finished",))
    assert one.pull(since=one.time.now() - timedelta(days=90)).state == "complete"
    (asked,) = one.server.of("kickoff")
    assert asked.headers["accept"] == "application/fhir+json"
    assert asked.headers["prefer"] == "respond-async"
    assert asked.headers["cache-control"] == "no-cache"
    kinds = [value for name, value in asked.parameters if name == "_type"]
    assert kinds == (["Patient,Encounter"] if kickoff == "get_comma" else ["Patient", "Encounter"])
    named = dict(asked.parameters)
    assert named["_since"] == "2025-10-07T06:00:00.000Z"
    assert named["_typeFilter"] == "Encounter?status=finished"
    assert named["_outputFormat"] == "application/fhir+ndjson"
    assert ids(one) == ALL


def test_03_a_202_without_headers_is_waited_for(hospital: Make) -> None:
    one = hospital(busy=3)
    assert one.pull().state == "complete"
    assert len(one.time.slept) == 3
    assert all(1 <= s <= 300 for s in one.time.slept)
    assert len(one.server.of("status")) == 4


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        ("7", 7),
        ("7200", 300),
        ("Mon, 05 Jan 2026 06:01:00 GMT", 60),
        ("1767592830", 30),  # epoch seconds of 06:00:30
        ("1767592830000", 30),
        ("soon", None),
        ("-5", None),
    ],
)
def test_04_retry_after_in_every_dress(hospital: Make, asked: str, slept: float | None) -> None:
    one = hospital(busy=1, retry_after=asked)
    assert one.pull().state == "complete"
    (pause,) = one.time.slept
    assert pause == slept if slept else 1 <= pause <= 300


@pytest.mark.parametrize("kind", ["kickoff", "status", "file", "token"])
def test_05_a_429_anywhere_is_waited_for(hospital: Make, kind: str) -> None:
    one = hospital(auth=True, scripts={kind: [Scripted(429, {"Retry-After": "33"})] * 2})
    export = one.pull()
    assert export.state == "complete"
    assert len(one.server.of("kickoff")) == (3 if kind == "kickoff" else 1)
    if kind != "token":
        assert one.time.slept == [33, 33] or one.time.slept == [33]  # two files at once
    assert ids(one) == ALL


def test_05_a_429_is_never_slept_longer_than_allowed(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(429, {"Retry-After": "18000"})]})
    assert one.pull().state == "complete"
    assert one.time.slept == [900]


def test_06_a_transient_error_leaves_the_job_alive(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(500, body=outcome("transient"))] * 7})
    assert one.pull().state == "complete"
    assert len(one.server.of("kickoff")) == 1


def test_06_another_error_ends_it_and_is_kept_as_evidence(hospital: Make) -> None:
    one = hospital(scripts={"status": [Scripted(500, body=outcome("processing"))]})
    export = one.pull()
    assert (export.state, export.is_resumable) == ("failed", False)
    assert export.failure == "export failed at the server: 500 processing"
    folder = store_of(one.settings.home, "ehr_fhir").job_folder(export)
    assert json.loads((folder / "refusal.txt").read_text())["issue"][0]["code"] == "processing"
    assert not one.is_landed()
    one.pull()
    assert len(one.server.of("kickoff")) == 2


def test_07_the_status_of_the_export_apart_from_that_of_the_request(hospital: Make) -> None:
    one = hospital(busy=2, separate_status=True, bulk_separate_export_status=True)
    assert one.pull().state == "complete"
    assert len(one.server.of("status")) == 3
    assert "separate-export-status" in one.server.of("kickoff")[0].headers["prefer"]


def test_07_a_failed_export_in_a_good_answer_fails(hospital: Make) -> None:
    answer = Scripted(200, {"X-Export-Status": "500"}, outcome("transient"))
    one = hospital(bulk_separate_export_status=True, scripts={"status": [answer]})
    assert one.pull().state == "failed"


def test_08_files_of_a_partial_manifest_are_fetched_while_the_export_runs(hospital: Make) -> None:
    one = hospital(rows=2, pages=3, is_partial=True, busy=4, bulk_partial_manifests=True)
    export = one.pull()
    assert export.state == "complete"
    assert dict(one.server.of("kickoff")[0].parameters)["allowPartialManifests"] == "true"
    kinds = [seen.kind for seen in one.server.seen]
    assert kinds.index("file") < len(kinds) - 1 - kinds[::-1].index("page")
    assert export.job.pages == 3
    assert ids(one) == ALL
    assert events(one, export).count("status_page_complete") >= 3
    assert events(one, export)[-1] == "export_complete"


def test_08_a_manifest_that_grows_is_read_again(hospital: Make) -> None:
    one = hospital(rows=2, grows=True, busy=3, bulk_partial_manifests=True)
    assert one.pull().state == "complete"
    assert ids(one) == ALL
    assert len(one.server.of("file")) == 7


def test_08_an_error_in_the_next_page_ends_the_export(hospital: Make) -> None:
    one = hospital(rows=2, pages=3, scripts={"page": [Scripted(400, body=outcome("invalid"))]})
    export = one.pull()
    assert export.state == "failed"
    assert not one.is_landed()
    assert not one.server.of("delete")
    assert watermark(one) is None


def test_08_a_page_that_changes_is_not_believed(hospital: Make) -> None:
    body = {"output": [], "transactionTime": "2026-01-05T06:00:00Z", "requiresAccessToken": False}
    entry = {"type": "Patient", "url": "/x/1.Patient.ndjson", "count": 5}
    first, second = {**body, "output": [entry]}, {**body, "output": [{**entry, "count": 4}]}
    one = hospital(
        scripts={
            "status": [Scripted(202, body=first), Scripted(200, body=second)],
            "unknown": [Scripted(200, body=b"{}\n" * 5)],
        }
    )
    export = one.pull()
    assert export.state == "failed"
    assert "changed a manifest page" in str(export.failure)


def test_09_a_token_that_expires_between_files_is_renewed_once(hospital: Make) -> None:
    one = hospital(auth=True, rows=1, revoke_after=3)
    assert one.pull().state == "complete"
    assert len(one.server.tokens) == 2
    assert ids(one) == ALL


def test_09_a_token_that_stays_rejected_fails_the_file_and_deletes_nothing(hospital: Make) -> None:
    one = hospital(auth=True, scripts={"file": [Scripted(401)] * 4})
    export = one.pull()
    assert (export.state, export.is_resumable) == ("failed", True)
    assert not one.server.of("delete")
    assert one.pull().state == "complete"  # resumed
    assert len(one.server.of("kickoff")) == 1


def test_10_no_token_where_none_is_required(hospital: Make) -> None:
    one = hospital(auth=True, needs_token=False)
    assert one.pull().state == "complete"
    assert all("authorization" in seen.headers for seen in one.server.of("status"))
    assert not [s for s in one.server.of("file") if "authorization" in s.headers]


def test_10_a_redirect_to_another_origin_loses_the_token(hospital: Make) -> None:
    one = hospital(auth=True)
    other = one.another_server(needs_token=False)
    one.server.switches.redirect = other.origin
    assert one.pull().state == "complete"
    assert all("authorization" in seen.headers for seen in one.server.of("file"))
    assert len(other.of("file")) == 2
    assert not [s for s in other.seen if "authorization" in s.headers]


def test_10_a_file_host_that_is_not_trusted_never_sees_the_token(hospital: Make) -> None:
    one = hospital(auth=True)
    other = one.another_server(needs_token=True)
    one.server.switches.file_origin = other.origin
    with pytest.raises(UsageError, match="does not trust this host"):
        one.pull()
    assert not other.seen
    one.bulk["allow_hosts"] = (other.origin.removeprefix("http://"),)
    assert one.pull().state == "complete"
    assert all("authorization" in seen.headers for seen in other.of("file"))
    assert len(one.server.of("kickoff")) == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity", "claims", "hides"])
def test_11_gzip_whatever_the_header_says(hospital: Make, encoding: str) -> None:
    one = hospital(encoding=encoding)
    assert one.pull().state == "complete"
    texts = [p.read_bytes() for p in one.landed()]
    plain = [gzip.decompress(t) if encoding == "hides" else t for t in texts]
    assert sum(t.count(b"\n") for t in plain) == len(ALL)


def test_12_a_connection_that_breaks_is_tried_again(hospital: Make) -> None:
    one = hospital(cut=2)
    assert one.pull().state == "complete"
    assert ids(one) == ALL


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda content: content.rpartition(b"\n{")[0], "count_mismatch"),
        (lambda _: b"<html>sign in</html>", "not_ndjson"),
        (lambda content: content + b'{"x":"' + b"y" * 2000 + b'"}\n', "line_too_long"),
    ],
)
def test_12_a_damaged_file_fails_the_export(
    hospital: Make, damage: Callable[[bytes], bytes], problem: str
) -> None:
    one = hospital(damage=damage, bulk_max_line_bytes=1000)
    export = one.pull()
    assert (export.state, export.is_resumable) == ("failed", True)
    assert str(export.failure).endswith(problem)
    assert not one.is_landed()
    assert not one.server.of("delete")
    assert watermark(one) is None
    one.server.switches.damage = None
    assert one.pull().state == "complete"
    assert len(one.server.of("kickoff")) == 1


def test_12_counts_that_are_wrong_fail_the_export(hospital: Make) -> None:
    one = hospital(count_error=1)
    assert one.pull().state == "failed"
    assert len(one.server.of("file")) == 10  # five attempts each
    for _ in range(3):
        assert one.pull().state == "failed"
    assert len(one.server.of("kickoff")) == 1
    assert not one.server.of("delete")
    one.server.switches.count_error = 0
    assert one.pull().state == "complete"  # given up and begun again
    assert len(one.server.of("kickoff")) == 2


def test_12_blank_lines_and_a_bom_are_no_lines(hospital: Make) -> None:
    one = hospital(damage=lambda content: b"\xef\xbb\xbf" + content + b"\r\n\n \n")
    assert one.pull().state == "complete"


def test_15_outcomes_decide_by_severity(hospital: Make) -> None:
    one = hospital(outcomes=[outcome("informational", "information"), outcome("x", "warning")])
    assert one.pull().state == "complete"
    assert watermark(one) is not None
    two = hospital(outcomes=[outcome("informational", "information"), outcome("exception")])
    export = two.pull(day=two.time.now().date())
    assert export.state == "partial"
    assert export.failure == "the server reports 1 loss(es) in its outcome files"
    assert two.is_landed(two.time.now().date())


def test_16_expired_files_are_asked_for_again(hospital: Make) -> None:
    one = hospital(rows=2, expire_after=3)
    export = one.pull()
    assert export.state == "complete"
    assert len(one.server.of("kickoff")) == 1
    assert len(one.server.of("status")) == 2
    assert ids(one) == ALL
    assert len(one.landed()) == 7


def test_16_an_export_that_expired_whole_is_started_again(hospital: Make) -> None:
    one = hospital(rows=2, expire_after=3, scripts={"delete": []})
    one.server.switches.scripts["status"] = []
    context = one.context()
    export = begin(context, ExportRequest(one.time.now().date()))
    export = complete_until_stale(context, export)
    one.server.exports[0].is_deleted = True
    assert complete(context, export).state == "failed"
    assert one.pull().state == "complete"
    assert len(one.server.of("kickoff")) == 2


def complete_until_stale(context: Any, export: ExportRun) -> ExportRun:
    from lakeward.fhir.bulk.steps import step

    while not export.job.is_stale:
        export = step(context, export)
    return export


def test_18_the_server_may_forget_only_what_is_landed(hospital: Make) -> None:
    one = hospital()
    marker = one.settings.home.landing / "ehr_fhir" / "2026-01-04" / "_COMPLETE"
    seen: list[bool] = []

    class Watching(dict):  # type: ignore[type-arg]
        def get(self, kind: str, default: Any = None) -> Any:
            if kind == "delete":
                seen.append(marker.exists())
            return super().get(kind, default)

    one.server.switches.scripts = Watching()
    assert one.pull().state == "complete"
    assert seen == [True]
    assert one.server.exports[0].is_deleted


@pytest.mark.parametrize("status", [404, 405, 501])
def test_18_a_server_that_takes_no_delete_does_not_matter(hospital: Make, status: int) -> None:
    one = hospital(scripts={"delete": [Scripted(status, body=outcome("not-supported"))]})
    assert one.pull().state == "complete"


def test_19_the_watermark_stays_when_something_was_lost(hospital: Make) -> None:
    one = hospital()
    one.pull()
    before = watermark(one)
    assert before is not None
    one.time.sleep(86400)
    one.server.switches.outcomes = [outcome("exception", "fatal")]
    assert one.pull(day=one.time.now().date()).state == "partial"
    assert watermark(one) == before
    one.time.sleep(86400)
    one.server.switches.outcomes = []
    assert one.pull(day=one.time.now().date()).state == "complete"
    since = [dict(s.parameters).get("_since") for s in one.server.of("kickoff")]
    assert since == [None, "2026-01-05T05:50:00.000Z", "2026-01-05T05:50:00.000Z"]


def test_19_the_watermark_overlaps_and_mistrusts_a_late_transaction_time(hospital: Make) -> None:
    one = hospital()
    one.server.switches.transaction_time = one.time.now() + timedelta(hours=3)
    one.pull()
    mark = watermark(one)
    assert mark is not None
    assert mark.since == one.time.now() - timedelta(minutes=10)


@pytest.mark.parametrize("grant", ["system/Patient.rs", "system/Patient.rs system/Encounter.r"])
def test_21_a_narrower_grant_stops_everything(hospital: Make, grant: str) -> None:
    one = hospital(auth=True, grant=grant)
    with pytest.raises(UsageError, match="grants no right to read Encounter"):
        one.pull()
    assert not one.server.of("kickoff")


def test_22_an_export_of_nothing_is_a_delivery_of_nothing(hospital: Make) -> None:
    one = hospital([])
    assert one.pull().state == "complete"
    assert one.landed() == []
    assert watermark(one) is not None
