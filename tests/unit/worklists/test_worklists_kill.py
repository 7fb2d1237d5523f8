"""A kill at any step of an export, and a second run: the outbox of an undisturbed run."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakeward.lake.tables import write
from lakeward.worklists import audit

REMINDERS = "appointment_reminders"
FIRST = [{"row_id": "r-1", "tier": "T+1"}, {"row_id": "r-2", "tier": "T+1"}]
SECOND = [{"row_id": "r-2", "tier": "T+1"}, {"row_id": "r-3", "tier": "T+1"}]


class Killed(BaseException):
    """Stands for the process being gone."""


def _killer(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Raise before the step-th change of the file system or the lake."""
    done = 0

    def wrap(change: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **kwargs: object) -> object:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return change(*args, **kwargs)

        return run

    monkeypatch.setattr(Path, "replace", wrap(Path.replace))
    monkeypatch.setattr(Path, "unlink", wrap(Path.unlink))
    monkeypatch.setattr(audit, "write", wrap(write))


def _story(hospital: Any, scene: str) -> None:
    """Bring the hospital to just before the export under test."""
    if scene == "first":
        hospital.release(REMINDERS, FIRST)
        return
    hospital.release(REMINDERS, FIRST)
    hospital.export(REMINDERS)
    if scene == "second":
        hospital.release(REMINDERS, SECOND)
        return
    hospital.release(REMINDERS, SECOND, held_by=["rule"])
    if scene == "heal":
        hospital.export(REMINDERS)
        hospital.release(REMINDERS, FIRST)


@pytest.mark.parametrize("scene", ["first", "second", "block", "heal"])
def test_kill_and_run_again(
    hospital: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str
) -> None:
    _story(hospital, scene)
    calm = _copy(hospital, tmp_path / "calm")
    calm.export(REMINDERS)
    expected, audited = calm.outbox(REMINDERS), len(calm.audit_rows())
    step = 0
    while True:
        step += 1
        shaken = _copy(hospital, tmp_path / f"shaken-{step}")
        with monkeypatch.context() as patch:
            _killer(patch, step)
            try:
                shaken.export(REMINDERS)
            except Killed:
                pass
            else:
                break
        _check_half_way(shaken)
        shaken.export(REMINDERS)
        assert shaken.outbox(REMINDERS) == expected, f"killed at step {step}"
        assert len(shaken.audit_rows()) == audited
    assert step > 3


def _copy(hospital: Any, root: Path) -> Any:
    shutil.copytree(hospital.home.root, root)
    return type(hospital)(root)


def _check_half_way(hospital: Any) -> None:
    """What a consumer may see between the kill and the next run: a whole revision, or none."""
    found = hospital.outbox(REMINDERS)
    if "_READY" not in found:
        return
    manifest = json.loads(found["manifest.json"])
    for file in manifest["files"]:
        assert hashlib.sha256(found[file["name"]]).hexdigest() == file["sha256"]
    for line in found["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(found[name]).hexdigest() == digest
