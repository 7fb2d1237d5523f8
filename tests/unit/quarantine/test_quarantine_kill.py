"""A kill before any change that a replay makes, and a second call: loaded once, one whole trail."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ward import Ward, message, patient

from lakeward.lake import tables
from lakeward.lake.scratch import scratch_home
from lakeward.quarantine import replay, trail

KILLER = """
import os, signal, sys
from pathlib import Path
from ward import Ward
from lakeward.core.settings import load_settings
from lakeward.lake import tables

commit = tables.write_deltalake
def write(path, *args, **kwargs):
    commit(path, *args, **kwargs)
    if Path(getattr(path, "table_uri", path)).name == "quarantine_action":
        os.kill(os.getpid(), signal.SIGKILL)
tables.write_deltalake = write
ward = Ward(load_settings(Path(sys.argv[1])))
ward.accept("ADT", "NEW")
ward.replay(source="adt")
"""


class Killed(BaseException):
    """Stands for the process being gone."""


def _killer(patch: pytest.MonkeyPatch, step: int) -> None:
    """Raise before the step-th change of landing or the lake."""
    done = 0

    def wrap(change: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **kwargs: object) -> object:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return change(*args, **kwargs)

        return run

    patch.setattr(replay.shutil, "move", wrap(shutil.move))
    patch.setattr(Path, "replace", wrap(Path.replace))
    patch.setattr(replay, "append_actions", wrap(trail.append_actions))
    patch.setattr(trail, "amend", wrap(tables.amend))


def _story(ward: Ward) -> None:
    """Two files with rejected records of one source, one of which would be rejected again."""
    ward.land("adt", "a.hl7", message("1", "NEW") + "\r" + message("2"))
    ward.land("adt", "b.hl7", message("3", "NEW") + "\r" + message("4", "OLD"))
    ward.night()
    ward.accept("ADT", "NEW")


def _check(ward: Ward, where: str) -> None:
    assert ward.states() == {"replayed": 2, "open": 1}, where
    stored = ward.rows("select control_id from raw_hl7v2__message order by 1")
    assert stored == [("1",), ("2",), ("3",)], where
    actions = "select count(*), count(distinct quarantine_id) from quarantine_action"
    assert ward.rows(actions) == [(2, 2)], where
    assert ward.rows("select count(*) from ledger where file like '%/replay/%'") == [(2,)], where
    assert not list(ward.home.landing.rglob("*.partial")), where
    assert not list((ward.home.work / "scratch").glob("*")), where


def test_a_kill_at_any_step_and_a_second_call(
    make_ward: Callable[[str], Ward], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = make_ward("calm")
    _story(calm)
    step = 0
    while True:
        step += 1
        shutil.copytree(calm.home.root, calm.home.root.parents[1] / f"{step}" / "home")
        shaken = make_ward(f"{step}")
        shaken.accept("ADT", "NEW")
        with monkeypatch.context() as patch:
            _killer(patch, step)
            try:
                shaken.replay(source="adt")
                shaken.night()
            except Killed:
                pass
            else:
                break
        shaken.replay(source="adt")
        shaken.night()
        _check(shaken, f"killed at step {step}")
    assert step >= 6


def test_a_night_shows_what_a_kill_left_hidden(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    _story(ward)
    with monkeypatch.context() as patch:
        patch.setattr(replay, "finish", lambda *_: (_ for _ in ()).throw(Killed))
        patch.setattr(replay, "_clear", lambda *_: None)
        with pytest.raises(Killed):
            ward.replay(source="adt")
    assert len(list(ward.home.landing.rglob("*.partial"))) == 2
    ward.night()
    _check(ward, "no second call")


def test_kill_nine_between_the_trail_and_the_files(ward: Ward) -> None:
    _story(ward)
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, str(ward.home.root)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert list((ward.home.work / "scratch").glob("*")), "the kill left its scratch home"
    again = ward.replay(source="adt")
    assert again.already == 2
    ward.night()
    _check(ward, "kill -9")


def test_scratch_homes_in_use_are_left_alone(ward: Ward) -> None:
    ward.land("ehr", "p.ndjson", patient(None))
    ward.night()
    with scratch_home(ward.home) as first, scratch_home(ward.home) as second:
        assert first.lake.is_dir()
        assert second.lake.is_dir()
        assert first.root != second.root
    assert not list((ward.home.work / "scratch").glob("*"))
