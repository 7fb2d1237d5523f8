"""A lock is held by one holder at a time and ends with its process."""

import subprocess
import sys
from pathlib import Path

import pytest

from lakeward.core.errors import RetryableError
from lakeward.core.locks import locked

BUSY = RetryableError("lake", "another run is writing this lake", "one run at a time", "wait")
HOLD = """
import sys, time
from pathlib import Path
from lakeward.core.errors import RetryableError
from lakeward.core.locks import locked
with locked(Path(sys.argv[1]), RetryableError("lake", "is held")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_gets_the_callers_error(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "a.lock", BUSY),
        pytest.raises(RetryableError, match="another run"),
        locked(tmp_path / "a.lock", BUSY),
    ):
        pytest.fail("two held it")


def test_the_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RetryableError), locked(path, BUSY):
            pytest.fail("two held it")
        holder.kill()
    with locked(path, BUSY):
        assert path.exists()
