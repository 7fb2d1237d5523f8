"""Rejected records come back once, with their trail, and nothing else does."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from ward import DAY, Ward, message, patient

from lakeward.assets.formats import FORMATS
from lakeward.core.errors import PermanentError, UsageError
from lakeward.hl7v2.format import HL7V2
from lakeward.lake.tables import Lake, Transaction, arrow_schema, newest_version, write
from lakeward.landing.formats import Flattened, Format
from lakeward.orchestration import replays
from lakeward.quarantine.compose import ReplayPlan
from lakeward.quarantine.records import Selection, find, trail_of
from lakeward.quarantine.replay import NOT_ONE, Actor, ReplayCheck, discard, prepare
from lakeward.quarantine.table import QUARANTINE

BY = Actor("tester", datetime(2026, 1, 6, tzinfo=UTC), "why")


def test_a_replay_after_a_fix_loads_once_and_keeps_its_place(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1") + "\r" + message("2", "NEW"))
    ward.night()
    assert ward.states() == {"open": 1}
    ward.accept("ADT", "NEW")
    done = ward.replay(reason="sender_not_accepted")
    assert [file.file for file in done.prepared.files] == [
        "adt/2026-01-05/replay/000000000001-0001.hl7"
    ]
    assert ward.states() == {"open": 1}, "it is replayed when it is loaded"
    again = ward.replay(source="adt")
    assert (again.prepared.files, again.already) == ((), 1)
    ward.night()
    ward.night()
    assert ward.states() == {"replayed": 1}
    stored = ward.rows("select control_id, file from raw_hl7v2__message order by received")
    assert stored == [
        ("1", "adt/2026-01-05/a.hl7"),
        ("2", "adt/2026-01-05/replay/000000000001-0001.hl7"),
    ]
    assert ward.replay(source="adt").prepared.files == ()
    (action,) = trail_of(ward.lake, ward.ids()[0])
    assert (action.action, action.principal, action.note) == ("replayed", "tester", "a note")
    assert (action.outcome, action.position) == ("loaded", 1)
    digest = sha256(message("2", "NEW").encode()).hexdigest()
    assert (action.original_sha256, action.sha256) == (digest, digest)
    counted = ward.rows(
        "select sum(found), sum(stored), sum(duplicate), sum(quarantined) from ledger"
    )
    assert counted == [(3, 2, 0, 1)]


def test_a_replay_in_the_bytes_of_its_file_is_no_repeat(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW") + "\r")
    ward.night()
    ward.accept("NEW")
    ward.replay(source="adt")
    digests = ward.home.landing / "adt/2026-01-05"
    replayed = digests / "replay/000000000001-0001.hl7"
    assert replayed.read_bytes() == (digests / "a.hl7").read_bytes()
    ward.night()
    assert ward.states() == {"replayed": 1}
    assert ward.rows("select count(*) from raw_hl7v2__message") == [(1,)]


def test_what_would_be_rejected_again_makes_no_file(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW") + "\r" + message("2", "OLD"))
    ward.night()
    ward.accept("NEW")
    done = ward.replay(source="adt")
    assert [record.position for record in done.prepared.records] == [1]
    assert list(done.prepared.still_rejected.values()) == ["sender_not_accepted"]
    ward.night()
    assert ward.states() == {"replayed": 1, "open": 1}
    nothing = ward.replay(source="adt")
    assert nothing.prepared.files == ()
    assert len(list(ward.home.landing.rglob("replay/*"))) == 1


def test_one_record_is_open_once_when_its_replay_is_rejected(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW"))
    ward.night()
    (original,) = ward.ids()
    ward.accept("NEW")
    ward.replay(original)
    ward.accept("OLD")
    ward.night()
    assert ward.states() == {"open": 1, "discarded": 1}
    (attempt,) = [r for r in find(ward.lake, Selection()) if r.replay_of]
    assert (attempt.replay_of, attempt.state) == (original, "discarded")
    (action,) = trail_of(ward.lake, original)
    assert (action.outcome, action.rejected_as) == ("rejected", attempt.quarantine_id)
    assert action.rejected_for == "sender_not_accepted"
    with pytest.raises(UsageError, match=original):
        ward.replay(attempt.quarantine_id)
    ward.accept("NEW")
    done = ward.replay(source="adt")
    assert [f.file for f in done.prepared.files] == ["adt/2026-01-05/replay/000000000001-0002.hl7"]
    ward.night()
    assert ward.states() == {"replayed": 1, "discarded": 1}
    assert [d.outcome for d in trail_of(ward.lake, original)] == ["rejected", "loaded"]


def test_a_file_that_is_read_as_other_records_is_not_taken_for_loaded(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW") + "\r" + message("2", "NEW"))
    ward.night()
    ward.accept("NEW")
    ward.replay(source="adt")
    odd = ward.rows("select * replace ('odd' as quarantine_id) from quarantine limit 1")
    names = [column.name for column in QUARANTINE.columns]
    row = dict(zip(names, odd[0], strict=True)) | {
        "file": "adt/2026-01-05/replay/000000000001-0001.hl7",
        "position": 9,
    }
    table = pa.Table.from_pylist([row], schema=arrow_schema(QUARANTINE))
    write(ward.lake, QUARANTINE, table, mode="append", transaction=Transaction("other", 1))
    ward.night()
    assert ward.states() == {"open": 3}
    assert trail_of(ward.lake, ward.ids()[0])[0].outcome == "unclear"


@pytest.mark.parametrize(
    ("check", "reasons"),
    [
        (ReplayCheck(1), []),
        (ReplayCheck(1, {0: "x"}), ["x"]),
        (ReplayCheck(1, {1: "x"}), ["x"]),
        (ReplayCheck(2), [NOT_ONE]),
        (ReplayCheck(0), [NOT_ONE]),
        (ReplayCheck(1, is_data=False), [NOT_ONE]),
    ],
)
def test_the_check_of_one_record_holds_by_whatever_place(
    ward: Ward, check: ReplayCheck, reasons: list[str]
) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW"))
    ward.night()
    plan = ReplayPlan(ward.lake, ward.home.landing, {"adt": HL7V2.shape})
    prepared = prepare(
        plan,
        ward.home.work / "out",
        find(ward.lake, Selection()),
        lambda _, files: {file.file: check for file in files},
    )
    assert list(prepared.still_rejected.values()) == reasons


def test_a_batch_comes_back_as_one_file_in_one_commit_in_order(ward: Ward) -> None:
    wrong = "\r".join(message(str(n)) for n in range(40))
    ward.land("adt", "a.hl7", f"BHS|^~\\&|A\r{wrong}\rBTS|41\r")
    ward.night()
    assert ward.states() == {"open": 40}
    done = ward.replay(reason="count_mismatch")
    assert len(done.prepared.files) == 1
    assert newest_version(ward.lake, "quarantine_action") == 1, "made, then written once"
    ward.night()
    assert ward.states() == {"replayed": 40}
    stored = ward.rows("select control_id from raw_hl7v2__message order by message")
    assert [int(control_id) for (control_id,) in stored] == list(range(40))


def test_text_without_a_header_never_joins_the_message_before_it(ward: Ward) -> None:
    batch = f"BHS|^~\\&|A\r{message('1', 'NEW')}\rBTS|1\rPID|1||OTHER^^^LKWD^MR\r{message('2')}"
    ward.land("adt", "a.hl7", batch)
    ward.night()
    assert sorted(r.reason for r in find(ward.lake, Selection())) == [
        "no_msh",
        "sender_not_accepted",
    ]
    ward.accept("ADT", "NEW")
    done = ward.replay(source="adt")
    assert [record.reason for record in done.prepared.records] == ["sender_not_accepted"]
    ward.night()
    assert ward.states() == {"replayed": 1, "open": 1}
    bodies = ward.rows("select body from raw_hl7v2__message")
    assert not [body for (body,) in bodies if "OTHER" in body]


def test_a_record_that_quarantine_cut_is_read_whole_from_landing(ward: Ward) -> None:
    text = b"".join(b"no message %d\r" % n for n in range(120_000))
    ward.land("adt", "a.hl7", text)
    ward.night()
    (record,) = find(ward.lake, Selection())
    held = ward.rows("select octet_length(content) from quarantine")[0][0]
    assert held < record.byte_length == len(text)
    done = ward.replay(record.quarantine_id, correction=message("9").encode())
    assert done.prepared.files[0].records[0].original_sha256 == sha256(text).hexdigest()
    assert list(ward.replay(source="adt").prepared.still_rejected) == []
    ward.land("adt", "b.hl7", text + b"more\r")
    ward.night()
    (cut,) = ward.ids("state = 'open'")
    assert list(ward.replay(cut).prepared.still_rejected.values()) == ["not_hl7v2"]
    (ward.home.landing / "adt/2026-01-05/b.hl7").unlink()
    with pytest.raises(PermanentError, match="landed file is gone"):
        ward.replay(cut)


def test_resources_keep_their_line_and_what_the_manifest_said(ward: Ward) -> None:
    lines = [patient("a"), patient(None), "", patient("b")[:-1], patient("c")]
    ward.land("ehr", "Patient.ndjson", "\n".join(lines) + "\n")
    manifest = {
        "transactionTime": "2026-01-05T10:00:00Z",
        "output": [{"type": "Patient", "url": "http://x/Patient.ndjson", "count": 4}],
    }
    ward.land("ehr", "manifest.json", json.dumps(manifest))
    ward.night()
    missing, broken = ward.ids()
    ward.replay(missing, correction=patient("m").encode())
    ward.replay(broken, correction=patient("b").encode())
    ward.night()
    assert ward.states() == {"replayed": 2}
    stored = ward.rows(
        "select id, line, transaction_time is null from raw_fhir__resource order by line"
    )
    assert stored == [("a", 1, False), ("m", 2, False), ("b", 4, False), ("c", 5, False)]
    kinds = ward.rows(
        "select distinct kind, promised_type from ledger where file like '%/replay/%'"
    )
    assert kinds == [("output", "Patient")]


def test_an_old_resource_that_comes_back_replaces_no_newer_one(ward: Ward) -> None:
    old, new = (
        patient("a", meta={"lastUpdated": f"2026-01-0{day}T10:00:00Z"}, active=day == 5)
        for day in (5, 6)
    )
    ward.land("ehr", "old.ndjson", old[:-1] + "\n")
    ward.night()
    ward.land("ehr", "new.ndjson", new + "\n", date(2026, 1, 6))
    ward.night()
    ward.replay(*ward.ids(), correction=old.encode())
    ward.night()
    assert ward.states() == {"replayed": 1}
    assert ward.rows("select count(*) from raw_fhir__resource") == [(2,)]
    assert ward.rows("select resource from fhir_current") == [(new,)]


def test_a_correction_keeps_the_original_and_links_both(ward: Ward) -> None:
    ward.land("ehr", "p.ndjson", patient(None) + "\n")
    ward.night()
    (rejected,) = ward.ids()
    fixed = json.dumps(json.loads(patient("a")), indent=1).encode()
    ward.replay(rejected, correction=fixed)
    ward.night()
    assert ward.states() == {"replayed": 1}
    assert ward.rows("select content from quarantine") == [(patient(None).encode(),)]
    (action,) = trail_of(ward.lake, rejected)
    assert action.action == "edited"
    assert action.original_sha256 == sha256(patient(None).encode()).hexdigest()
    assert action.sha256 == sha256(fixed).hexdigest()


@pytest.mark.parametrize(
    ("correction", "error"),
    [
        (patient(None), "is the same"),
        (patient("a") + "\n" + patient("b"), "holds 2 record"),
        ("", "holds"),
        ("no json", "holds no record"),
        (patient("an illegal id"), "would be rejected as illegal_id"),
    ],
)
def test_a_correction_is_one_changed_record_that_loads(
    ward: Ward, correction: str, error: str
) -> None:
    ward.land("ehr", "p.ndjson", patient(None) + "\n")
    ward.night()
    with pytest.raises(UsageError, match=error):
        ward.replay(*ward.ids(), correction=correction.encode())
    assert not list(ward.home.landing.rglob("replay"))


def test_discarding_is_kept_with_its_note_and_can_be_undone_by_id(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW") + "\r" + message("2", "NEW"))
    ward.night()
    first, second = ward.ids()
    records = find(ward.lake, Selection(ids=(first,)))
    assert discard(ward.lake, records, BY) == 1
    assert discard(ward.lake, find(ward.lake, Selection(ids=(first,))), BY) == 0
    assert ward.states() == {"discarded": 1, "open": 1}
    ward.accept("NEW")
    assert [r.quarantine_id for r in ward.replay(source="adt").prepared.records] == [second]
    with pytest.raises(UsageError, match="is replayed"):
        discard(ward.lake, find(ward.lake, Selection(ids=(second,))), BY)
    ward.replay(first)
    ward.night()
    assert ward.states() == {"replayed": 2}
    assert [d.action for d in trail_of(ward.lake, first)] == ["discarded", "replayed"]


def test_a_replay_whose_file_was_lost_can_be_made_again(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW"))
    ward.night()
    ward.accept("NEW")
    ward.replay(source="adt")
    (lost,) = ward.home.landing.rglob("replay/*.hl7")
    lost.unlink()
    ward.replay(source="adt")
    ward.night()
    assert ward.states() == {"replayed": 1}
    assert ward.rows("select count(*) from raw_hl7v2__message") == [(1,)]


def test_a_folder_that_is_gone_is_said(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW"), date(2026, 1, 4))
    ward.night()
    ward.accept("NEW")
    folder = ward.home.landing / "adt" / "2026-01-04"
    folder.rename(folder.with_name("archived"))
    with pytest.raises(UsageError, match="_COMPLETE"):
        ward.replay(source="adt")
    assert newest_version(ward.lake, "quarantine_action") is None


def test_a_message_of_a_packed_file_comes_back(ward: Ward) -> None:
    packed = gzip.compress((message("1") + "\r" + message("2", "NEW") + "\r").encode())
    ward.land("adt", "a.hl7", packed)
    ward.night()
    ward.accept("NEW")
    ward.replay(source="adt")
    ward.night()
    assert ward.states() == {"replayed": 1}


def test_the_day_to_run_is_that_of_the_delivery_before_any_release(ward: Ward) -> None:
    ward.land("adt", "a.hl7", message("1", "NEW"))
    ward.night()
    ward.accept("NEW")
    assert ward.replay(source="adt").day == DAY


@pytest.mark.parametrize("replayed", ["new", "older"])
def test_a_replayed_resource_without_stamps_does_not_override_newer_ones(
    ward: Ward, replayed: str
) -> None:
    ward.land("ehr", "a.ndjson", patient("p1", language="older"))
    ward.land("ehr", "b.ndjson", '{"resourceType":"Patient","id":"p1",')
    ward.night()
    ward.land("ehr", "c.ndjson", patient("p1", language="newest"))
    ward.night()
    ward.replay(*ward.ids(), correction=patient("p1", language=replayed).encode())
    ward.night()
    assert ward.states() == {"replayed": 1}
    current = "select resource ->> 'language' from fhir_current where id = 'p1'"
    assert ward.rows(current) == [("newest",)]


def test_a_replayed_resource_overrides_what_its_file_said_before(ward: Ward) -> None:
    lines = [patient("p1", language=language) for language in "abcdefgh"]
    ward.land("ehr", "a.ndjson", "\n".join([*lines, '{"resourceType":"Patient","id":"p1",']))
    ward.night()
    ward.replay(*ward.ids(), correction=patient("p1", language="mended").encode())
    ward.night()
    assert ward.rows("select resource ->> 'language' from fhir_current") == [("mended",)]
    ward.land("ehr", "b.ndjson", patient("p1", language="newer"))
    ward.night()
    assert ward.rows("select resource ->> 'language' from fhir_current") == [("newer",)]


def test_a_replay_is_checked_with_the_views_of_the_deployment(ward: Ward) -> None:
    """A night would reject the record again, because a view of the home walks it."""
    views = ward.home.root / "views"
    views.mkdir()
    column = {"name": "code", "path": "code.coding.code", "collection": True}
    view = {"resourceType": "ViewDefinition", "name": "basic", "resource": "Basic"}
    definition = view | {"status": "active", "select": [{"column": [column]}]}
    (views / "basic.json").write_text(json.dumps(definition))
    basic = {"resourceType": "Basic", "id": "b", "code": {"coding": {"code": "x"}}}
    ward.land("ehr", "b.ndjson", json.dumps(basic) + "\n")
    ward.night()
    (rejected,) = ward.ids()
    replayed = ward.replay(rejected)
    assert dict(replayed.prepared.still_rejected) == {rejected: "structure_mismatch"}
    assert replayed.prepared.files == ()


@pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.name)
def test_a_preview_flattens_with_the_specs_of_the_deployment(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, format_: Format
) -> None:
    folders: list[Path | None] = []

    def flatten(_lake: Lake, own_specs: Path | None) -> Flattened:
        folders.append(own_specs)
        return Flattened((), {})

    monkeypatch.setattr(replays, "build", lambda *_: None)
    monkeypatch.setattr(replays, "format_of", lambda source: replace(format_, flatten=flatten))
    (ward.home.root / format_.specs).mkdir()
    ward.land("adt", "a.hl7", message("1", "NEW"))
    ward.land("ehr", "p.ndjson", patient(None) + "\n")
    ward.night()
    ward.accept("NEW")
    source, fixed = ("adt", None) if format_.name == "hl7v2" else ("ehr", patient("a").encode())
    (record,) = find(ward.lake, Selection(source=source))
    replays.preview(ward.settings, Selection(ids=(record.quarantine_id,)), fixed)
    (folder,) = folders
    assert folder is not None
    assert folder.name == format_.specs
    assert folder.parent.parent == ward.home.work / "scratch"
