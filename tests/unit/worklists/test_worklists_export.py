"""Exports end to end: from a pinned Delta version to the consumer's folder."""

import csv
import hashlib
import io
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import PermanentError
from lakeward.lake.query import connect
from lakeward.lake.tables import write
from lakeward.worklists import audit, outbox, output_formats
from lakeward.worklists.output_formats import OutputFormat
from lakeward.worklists.rows import export_columns

REMINDERS, REFERRALS = "appointment_reminders", "referral_followup"
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "worklist_export"
STEM = "LKWD_appointment_reminders_20260105"
ROWS: list[dict[str, Any]] = json.loads((GOLDEN / "input" / "rows.json").read_text())


def _names(found: dict[str, bytes]) -> list[str]:
    return [name for name in found if not name.startswith(".")]


def test_golden_folder(hospital: Any, golden: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    found = hospital.outbox(REMINDERS)
    for name in _names(found):
        golden(GOLDEN / "expected" / name, found[name])
    assert sorted(_names(found)) == sorted(p.name for p in (GOLDEN / "expected").iterdir())


def test_a_format_costs_one_entry_of_the_registry(
    hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = OutputFormat("count", "txt", lambda _, __, rows: str(len(rows)).encode())
    monkeypatch.setattr(output_formats, "FORMATS", (*output_formats.FORMATS, count))
    rows = [{"row_id": "f-1", "referral_id": "R1"}, {"row_id": "f-2", "referral_id": "R2"}]
    hospital.release(REFERRALS, rows)
    done = hospital.export(REFERRALS)
    found = hospital.outbox(REFERRALS)
    stem = STEM.replace(REMINDERS, REFERRALS)
    assert found[f"{stem}_r01.txt"] == str(len(rows)).encode()
    names = ["csv", "json", "xlsx", "html", "txt"]
    assert done.files == tuple(f"{stem}_r01.{suffix}" for suffix in names)
    manifest = json.loads(found["manifest.json"])
    assert [file["format"] for file in manifest["files"]] == names


def test_a_blocked_list_leaves_no_file_of_any_format(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    hospital.release(REMINDERS, ROWS[:1], held_by=["row_id_unique"])
    hospital.export(REMINDERS)
    assert _names(hospital.outbox(REMINDERS)) == ["_BLOCKED.json"]


def test_only_columns_on_the_allow_list_leave(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    found = hospital.outbox(REMINDERS)
    header = next(csv.reader(io.StringIO(found[f"{STEM}_r01.csv"].decode("utf-8-sig"))))
    assert tuple(header) == export_columns(hospital.contract(REMINDERS))
    assert not {"patient_key", "visit_key", "source_ref"} & set(header)
    assert b"patient_key" not in b"".join(found.values())


def test_same_list_is_exported_once(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    assert hospital.export(REMINDERS).state == "exported"
    before = hospital.outbox(REMINDERS)
    hospital.release(REMINDERS, ROWS, held_by=[])
    assert hospital.export(REMINDERS).state == "unchanged"
    assert hospital.outbox(REMINDERS) == before
    assert len(hospital.audit_rows()) == 1


def test_a_changed_list_is_a_revision_with_actions(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    changed = ROWS[0] | {"reason": "Appointment confirmed on 5 Jan; reminder due"}
    hospital.release(REMINDERS, [changed, {"row_id": "r-3", "tier": "T+1"}])
    done = hospital.export(REMINDERS)
    assert (done.revision, done.rows) == (2, 2)
    assert done.actions == {"new": 1, "changed": 1, "unchanged": 0, "removed": 1}
    found = hospital.outbox(REMINDERS)
    manifest = json.loads(found["manifest.json"])
    assert (manifest["revision"], manifest["supersedes"]) == (2, 1)
    for file in manifest["files"]:
        content = found[file["name"]]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file["bytes"],
            file["sha256"],
        )
    for line in found["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(found[name]).hexdigest() == digest
    assert found["_READY"] == b""


def test_lost_files_are_written_again_as_the_same_revision(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    folder = hospital.export(REMINDERS).folder
    before = hospital.outbox(REMINDERS)
    (folder / "_READY").unlink()
    (folder / f"{STEM}_r01.csv").unlink()
    assert hospital.export(REMINDERS).revision == 1
    assert hospital.outbox(REMINDERS) == before


def test_suppressed_candidates_are_counted(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    left_out = [
        {"row_id": f"s-{i}", "worklist": w, "reason": r}
        for i, (w, r) in enumerate(
            [(REMINDERS, "cancelled"), (REMINDERS, "cancelled"), (REFERRALS, "within_target")]
        )
    ]
    for row in left_out:
        row["subject_key"] = row["row_id"]
    hospital.release("suppression", [{**row} for row in left_out])
    done = hospital.export(REMINDERS)
    assert done.suppressed == {"cancelled": 2}
    counts = json.loads(hospital.outbox(REMINDERS)["manifest.json"])["counts"]
    assert counts == {"eligible": 4, "exported": 2, "suppressed": {"cancelled": 2}}


def test_held_reminders_are_blocked_and_heal(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    hospital.release(REMINDERS, ROWS[:1], held_by=["row_id_unique"])
    done = hospital.export(REMINDERS)
    assert (done.state, done.held_by) == ("blocked", ("row_id_unique",))
    found = hospital.outbox(REMINDERS)
    assert _names(found) == ["_BLOCKED.json"]
    notice = json.loads(found["_BLOCKED.json"])
    assert notice["held"]["rules"] == ["row_id_unique"]
    assert notice["withdrawn_revision"] == 1
    hospital.release(REMINDERS, ROWS)
    healed = hospital.export(REMINDERS)
    assert (healed.state, healed.revision) == ("exported", 2)
    assert healed.actions["unchanged"] == 2
    assert "_BLOCKED.json" not in hospital.outbox(REMINDERS)


def test_held_canonical_store_holds_every_list(hospital: Any) -> None:
    hospital.release(REFERRALS, [{"row_id": "f-1", "referral_id": "R1"}], day=date(2026, 1, 4))
    hospital.decide(
        "canonical",
        {"canonical__visit": 3},
        day=hospital.day,
        held_by=["canonical__visit.visit_key_unique"],
    )
    done = hospital.export(REFERRALS)
    assert (done.state, done.revision, done.stale, done.rows) == ("exported", 1, True, 1)
    found = hospital.outbox(REFERRALS)
    manifest = json.loads(found["manifest.json"])
    assert manifest["stale"]
    assert manifest["held_by"] == ["canonical__visit.visit_key_unique"]
    since = "2026-01-05T00:00:00-05:00"
    assert manifest["stale_since"] == since
    data = json.loads(found["LKWD_referral_followup_20260105_r01.json"])
    assert [row["stale_since"] for row in data["rows"]] == [since]
    line = found["LKWD_referral_followup_20260105_r01.csv"].decode("utf-8-sig").splitlines()
    assert line[0].startswith("row_id,action,stale_since,")
    assert line[1].startswith(f"f-1,new,{since},")


def test_stale_list_heals_with_tombstones(hospital: Any) -> None:
    hospital.release(REFERRALS, [{"row_id": "old", "referral_id": "R1"}], day=date(2026, 1, 4))
    hospital.release(REFERRALS, [], held_by=["all_overdue"])
    assert hospital.export(REFERRALS).stale
    assert hospital.export(REFERRALS).state == "unchanged"
    hospital.release(REFERRALS, [{"row_id": "fresh", "referral_id": "R1"}])
    done = hospital.export(REFERRALS)
    assert (done.revision, done.stale) == (2, False)
    assert done.actions == {"new": 1, "changed": 0, "unchanged": 0, "removed": 1}


def test_the_next_day_says_what_is_new_since_this_one(hospital: Any) -> None:
    monday, tuesday = hospital.day, date(2026, 1, 6)
    gone = {"row_id": "gone", "referral_id": "R1", "age_days": 9, "specialty": "cardiology"}
    stays = {"row_id": "stays", "referral_id": "R2", "age_days": 8, "reason": "8 days ago"}
    hospital.release(REFERRALS, [gone, stays], day=monday)
    hospital.export(REFERRALS, monday)
    older = stays | {"age_days": 9, "breach_minutes": 9999, "reason": "9 days ago"}
    hospital.release(REFERRALS, [older, {"row_id": "fresh"}], day=tuesday)
    done = hospital.export(REFERRALS, tuesday)
    assert done.actions == {"new": 1, "changed": 0, "unchanged": 1, "removed": 1}
    found = hospital.outbox(REFERRALS, tuesday)
    manifest = json.loads(found["manifest.json"])
    assert manifest["changed_since"] == {"day": "2026-01-05", "revision": 1}
    tombstone = json.loads(found["LKWD_referral_followup_20260106_r01.json"])["rows"][-1]
    assert (tombstone["action"], tombstone["rank"]) == ("removed", None)
    assert (tombstone["referral_id"], tombstone["specialty"]) == ("R1", "cardiology")
    assert tombstone["data_as_of"] == "2026-01-07T00:00:00-05:00"


def test_a_stale_list_and_its_repair_change_nothing_that_is_the_same(hospital: Any) -> None:
    rows = [{"row_id": "a", "referral_id": "R1"}, {"row_id": "b", "referral_id": "R2"}]
    tuesday = date(2026, 1, 6)
    hospital.release(REFERRALS, rows)
    hospital.export(REFERRALS)
    hospital.release(REFERRALS, [], day=tuesday, held_by=["all_overdue"])
    stale = hospital.export(REFERRALS, tuesday)
    assert (stale.stale, stale.actions["unchanged"], stale.actions["new"]) == (True, 2, 0)
    hospital.release(REFERRALS, [*rows, {"row_id": "c"}], day=tuesday)
    healed = hospital.export(REFERRALS, tuesday)
    assert healed.actions == {"new": 1, "changed": 0, "unchanged": 2, "removed": 0}


def test_an_empty_stale_list_heals_too(hospital: Any) -> None:
    tuesday = date(2026, 1, 6)
    hospital.release(REFERRALS, [])
    hospital.release(REFERRALS, [], day=tuesday, held_by=["rule"])
    assert hospital.export(REFERRALS, tuesday).stale
    hospital.release(REFERRALS, [], day=tuesday)
    done = hospital.export(REFERRALS, tuesday)
    assert (done.state, done.revision) == ("exported", 2)
    assert not json.loads(hospital.outbox(REFERRALS, tuesday)["manifest.json"])["stale"]


def test_a_reminder_of_an_earlier_list_is_not_sent_again(hospital: Any) -> None:
    friday, saturday, sunday = (date(2026, 1, n) for n in (9, 10, 11))
    kept, moved, off = (
        {"row_id": name, "tier": "T+1", "listed_until": sunday, "contact": "+16175550100"}
        for name in ("kept", "moved", "off")
    )
    done_with = {"row_id": "week", "tier": "T+7", "listed_until": friday}
    hospital.release(REMINDERS, [kept, moved, off, done_with], day=friday)
    assert hospital.export(REMINDERS, friday).actions["new"] == 4
    booked = {"row_id": "booked", "tier": "T+1", "listed_until": sunday}
    rows = [kept, moved | {"local_time": "11:00"}, booked]
    hospital.release(REMINDERS, rows, day=saturday)
    done = hospital.export(REMINDERS, saturday)
    assert done.actions == {"new": 1, "changed": 1, "unchanged": 0, "removed": 1}
    assert done.suppressed == {"already_delivered": 1}
    data = json.loads(hospital.outbox(REMINDERS, saturday)[f"{_stem(saturday)}_r01.json"])
    assert [(r["row_id"], r["rank"], r["contact"]) for r in data["rows"]] == [
        ("moved", 1, "+16175550100"),
        ("booked", 2, None),
        ("off", None, None),
    ]
    assert "listed_until" not in data["rows"][0]
    hospital.release(REMINDERS, rows, day=sunday)
    last = hospital.export(REMINDERS, sunday)
    assert (last.rows, last.suppressed) == (0, {"already_delivered": 3})


def test_what_has_begun_since_it_was_delivered_is_over_and_not_removed(hospital: Any) -> None:
    past, off, later = (
        {"row_id": name, "tier": "T+1", "listed_until": hospital.day}
        for name in ("past", "off", "later")
    )
    hospital.release(REMINDERS, [past, off, later])
    hospital.export(REMINDERS)
    left_out = {"worklist": REMINDERS, "reason": "already_past", "subject_key": "v"}
    hospital.release("suppression", [{"row_id": "past", **left_out}])
    hospital.release(REMINDERS, [later])
    done = hospital.export(REMINDERS)
    assert done.actions == {"new": 0, "changed": 0, "unchanged": 1, "removed": 1}
    rows = json.loads(hospital.outbox(REMINDERS)[f"{STEM}_r02.json"])["rows"]
    assert [row["row_id"] for row in rows] == ["later", "off"]


def _stem(day: date) -> str:
    return f"LKWD_appointment_reminders_{day:%Y%m%d}"


def test_reading_what_was_exported_changes_nothing(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    done = hospital.export(REMINDERS)
    folder = outbox.Folder(done.folder, STEM)
    for name in (f"{STEM}_r07.csv", ".half.partial", outbox.NEXT):
        shutil.copy(done.folder / outbox.DELIVERED, done.folder / name)
    before = hospital.outbox(REMINDERS)
    assert outbox.last_exported(folder) is not None
    assert hospital.outbox(REMINDERS) == before
    outbox.tidy(folder)
    gone = set(before) - set(hospital.outbox(REMINDERS))
    assert gone == {f"{STEM}_r07.csv", ".half.partial", outbox.NEXT}


def test_rows_with_ids_of_an_older_schema_are_not_compared(hospital: Any) -> None:
    hospital.release(REFERRALS, [{"row_id": "id-of-monday"}])
    state = hospital.export(REFERRALS).folder / outbox.DELIVERED
    state.write_text(state.read_text().replace('"schema_version": 2', '"schema_version": 1'))
    tuesday = date(2026, 1, 6)
    hospital.release(REFERRALS, [{"row_id": "id"}], day=tuesday)
    actions = hospital.export(REFERRALS, tuesday).actions
    assert actions == {"new": 1, "changed": 0, "unchanged": 0, "removed": 0}


def test_never_released_means_blocked(hospital: Any) -> None:
    done = hospital.export(REFERRALS)
    assert done.state == "blocked"
    assert _names(hospital.outbox(REFERRALS)) == ["_BLOCKED.json"]


def test_empty_list_is_published(hospital: Any) -> None:
    hospital.release(REMINDERS, [])
    assert hospital.export(REMINDERS).rows == 0
    assert "_READY" in hospital.outbox(REMINDERS)


def test_without_audit_nothing_is_published(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    hospital.release(REMINDERS, ROWS)
    monkeypatch.setattr(audit, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        hospital.export(REMINDERS)
    assert hospital.outbox(REMINDERS) == {}


def test_audit_chain_shows_edits(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    hospital.export(REMINDERS)
    hospital.release(REMINDERS, ROWS[:1])
    hospital.export(REMINDERS)
    assert audit.verify(hospital.lake) == 2
    with connect(hospital.lake) as connection:
        edited = connection.sql(
            "select * replace (case when seq = 1 then 0 else row_count end as row_count) from audit"
        ).to_arrow_table()
    write(hospital.lake, audit.AUDIT, edited, mode="overwrite")
    with pytest.raises(PermanentError, match="audit row 1"):
        audit.verify(hospital.lake)
