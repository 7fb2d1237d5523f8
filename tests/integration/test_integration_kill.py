"""`kill -9` at many moments of a run, then a second run: the same tables as undisturbed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from simulated import START
from tables import fingerprints

from lakeward.core.settings import load_settings
from lakeward.orchestration.nightly import run_day

KILLER = """
import os, signal, sys
from datetime import date
from pathlib import Path
from lakeward.core.settings import load_settings
from lakeward.lake import tables
from lakeward.orchestration.nightly import run_day

table, when, nth = sys.argv[2], sys.argv[3], int(sys.argv[4])
commit, seen = tables.write_deltalake, 0

def write(path, *args, **kwargs):
    global seen
    hit = Path(getattr(path, "table_uri", path)).name == table
    seen += hit
    if hit and seen == nth and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(path, *args, **kwargs)
    if hit and seen == nth and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)

tables.write_deltalake = write
run_day(load_settings(Path(sys.argv[1])), date.fromisoformat(sys.argv[5]))
"""

MOMENTS = [
    ("ledger_entry", "after", 1),  # registered, nothing loaded
    ("raw_fhir__resource", "after", 1),  # between table write and ledger
    ("raw_hl7v2__message", "after", 2),
    ("fhir__appointment", "after", 1),  # some flat tables written, others not
    ("canonical__visit_event", "after", 1),  # some candidates written
    ("release", "before", 1),  # checked, not released
    ("audit", "after", 1),  # audited, not yet ready
]


def test_killed_runs_leave_no_trace_after_the_next(
    delivered: Path, first_night: Path, tmp_path: Path
) -> None:
    """Each run goes on from where the one before was killed; the last one is not.

    A home for each moment would be killed once and not seven times, and take twice the time.
    """
    home = tmp_path / "home"
    shutil.copytree(delivered, home)
    for table, when, nth in MOMENTS:
        arguments = [str(home), table, when, str(nth), START.isoformat()]
        killed = subprocess.run(
            [sys.executable, "-c", KILLER, *arguments],
            env={**os.environ, "LAKEWARD_HOME": str(home)},
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, (table, when, killed.stderr[-2000:])
    settings = load_settings(home)
    assert run_day(settings, START).passed
    assert fingerprints(settings) == fingerprints(load_settings(first_night))
    ready = sorted(p.parent.name for p in settings.home.outbox.glob("*/*/_READY"))
    assert len(ready) >= 3
