"""Case 17: `kill -9` before and after every step, then a second process: one kick-off only."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lakeward.fhir.bulk.exports import ExportRequest, begin, complete
from lakeward.fhir.bulk.store import read_lines, store_of

Make = Callable[..., Any]

KILLER = """
import json, os, signal, sys
from datetime import date, datetime
from pathlib import Path
from lakeward.core.paths import Home
from lakeward.fhir.bulk import exports, fetching, steps, store
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.fhir.bulk.context import open_context
from lakeward.landing.sources import Source

home, source, at = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
now = datetime.fromisoformat(sys.argv[4])
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
action, _, when = at.partition(":")
name = action

if when in ("before", "after"):
    inner = steps._ACTIONS[name]
    def wrapped(context, export):
        if when == "before":
            die()
        inner(context, export)
        die()                       # done, and not yet kept
    steps._ACTIONS[name] = wrapped
elif when == "kept":
    inner, real = steps._ACTIONS[name], store.Store.save
    def noted(context, export):
        moved = inner(context, export)
        def save(self, kept):
            real(self, kept)
            die()
        store.Store.save = save
        return moved
    steps._ACTIONS[name] = noted
elif when == "file":
    real_append = fetching.append_line
    def append(path, record):
        real_append(path, record)
        die()
    fetching.append_line = append

clock = ExportClock(now=lambda: now, sleep=lambda seconds: None, chance=lambda: 0.5)
with open_context(Home(Path(home)), Source.model_validate(source), clock) as context:
    exports.complete(context, exports.begin(context, exports.ExportRequest(date(2026, 1, 4))))
"""

MOMENTS = [
    "intend:kept",
    "kick_off:before",
    "kick_off:kept",
    "poll:before",
    "poll:after",
    "poll:kept",
    "download:before",
    "download:file",  # the first file is durable, nothing else
    "download:after",
    "download:kept",
    "land:before",
    "land:after",
    "land:kept",
    "release:before",
    "release:after",
    "release:kept",
    "finish:after",
]


def kill_at(hospital: Any, moment: str) -> None:
    """Run an export in a process that dies at a moment."""
    source = hospital.source.model_dump_json()
    arguments = [str(hospital.settings.home.root), source, moment, hospital.time.now().isoformat()]
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, *arguments],
        env={**os.environ, "LAKEWARD_HOME": str(hospital.settings.home.root)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]


@pytest.mark.parametrize("moment", MOMENTS)
def test_17_a_killed_export_is_resumed_without_a_second_kick_off(
    hospital: Make, moment: str
) -> None:
    one = hospital(rows=3)
    kill_at(one, moment)
    export = one.pull()
    assert export.state == "complete"
    assert len(one.server.of("kickoff")) == 1
    names = [p.name for p in one.landed()]
    assert len(names) == len(set(names)) == 5
    rows = [json.loads(line)["id"] for p in one.landed() for line in p.read_text().splitlines()]
    assert len(rows) == len(set(rows)) == 13
    store = store_of(one.settings.home, "ehr_fhir")
    assert json.loads(store.watermark.read_text())["export_id"] == export.export_id
    if moment == "download:file":
        files = read_lines(store.job_folder(export) / "files.ndjson")
        assert len([f for f in files if f["fate"] == "done"]) == 5


def test_17_an_answer_lost_before_it_was_kept_waits_for_the_server(hospital: Make) -> None:
    # the one window that cannot be closed: sent, answered, and killed before the answer was kept
    one = hospital(one_at_a_time=True)
    kill_at(one, "kick_off:after")
    context = one.context()
    export = begin(context, ExportRequest(one.time.now().date()))
    assert export.job.intended_at is not None
    assert export.job.status_url is None
    orphan = one.server.exports[0]

    def sleep(seconds: float) -> None:
        one.time.sleep(seconds)
        orphan.is_deleted = len(one.time.slept) >= 3  # the server forgets it in the end

    object.__setattr__(context.clock, "sleep", sleep)
    assert complete(context, export).state == "complete"
    assert len(one.server.of("kickoff")) == 5
    assert len(one.server.exports) == 2
    assert one.is_landed()


@pytest.mark.parametrize(
    "moment", ["compare_members:after", "compare_members:kept", "release:after", "release:kept"]
)
def test_17_a_chain_of_jobs_is_resumed_where_it_was(hospital: Make, moment: str) -> None:
    one = hospital(bulk_level="group", bulk_group="ops", members=["p1", "p2"])
    one.pull()
    one.server.switches.members = ["p2", "p3"]
    one.server.switches.one_at_a_time = True
    one.time.sleep(86400)
    kill_at(one, moment)
    export = one.pull()
    assert export.state == "complete"
    assert [job.purpose.value for job in export.jobs] == ["membership", "new_members", "changes"]
    assert len(one.server.of("kickoff")) == 2 + 3
    assert all(job.is_deleted for job in one.server.exports)
    mark = json.loads(store_of(one.settings.home, "ehr_fhir").watermark.read_text())
    assert [m["patient"] for m in mark["members"] if not m["valid_to"]] == ["p2", "p3"]
