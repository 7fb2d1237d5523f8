"""Exports end to end: from a pinned Delta version to the consumer's folder."""

import csv
import hashlib
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import PermanentError
from lakeward.lake.query import connect
from lakeward.lake.tables import write
from lakeward.worklists import audit, output_formats
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
    hospital.release(REMINDERS, ROWS)
    done = hospital.export(REMINDERS)
    found = hospital.outbox(REMINDERS)
    assert found[f"{STEM}_r01.txt"] == str(len(ROWS)).encode()
    assert done.files == tuple(f"{STEM}_r01.{suffix}" for suffix in ("csv", "json", "txt"))
    manifest = json.loads(found["manifest.json"])
    assert [file["format"] for file in manifest["files"]] == ["csv", "json", "txt"]
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
