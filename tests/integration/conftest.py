"""A small synthetic hospital, run once per session and copied for tests that change it."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from simulated import DAYS, START

from lakeward.core.settings import Settings, load_settings
from lakeward.orchestration.nightly import run_day
from lakeward.simulator import simulate


@pytest.fixture(scope="session", autouse=True)
def _foreign_settings_away() -> Iterator[None]:
    """Keep the developer's own home out of the tests."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("LAKEWARD_")}
    if "LAKEWARD_SHARED" in kept:
        os.environ["LAKEWARD_SHARED"] = kept["LAKEWARD_SHARED"]
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two days in landing and nothing run."""
    home = tmp_path_factory.mktemp("delivered") / "home"
    simulate(home, 60, DAYS, START, 7)
    return home


@pytest.fixture(scope="session")
def finished(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which both days ran: by whichever process of the tests comes first, for all."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = shared / "finished" / "home"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            _run_both_days(delivered, home)
    return home


def _run_both_days(delivered: Path, home: Path) -> None:
    unready = home.with_name("unready")  # a run that fails leaves no home for the others
    shutil.copytree(delivered, unready)
    for offset in range(DAYS):
        night = run_day(load_settings(unready), START + timedelta(days=offset))
        assert night.passed, night
    unready.rename(home)


@pytest.fixture
def home_of(tmp_path: Path) -> Callable[[Path], Settings]:
    """Copy a home so that a test may change it."""

    def copy(home: Path) -> Settings:
        target = tmp_path / "home"
        shutil.copytree(home, target)
        return load_settings(target)

    return copy
