"""A small synthetic hospital, run once per session and copied for tests that change it."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from simulated import DAYS, FOREIGN_DAY, START

from lakeward.core.settings import Settings, load_settings
from lakeward.landing.deliveries import land
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
    """A home in which both days ran; `first_night` beside it is how it was after the first."""

    def run(home: Path) -> None:
        shutil.copytree(delivered, home, dirs_exist_ok=True)
        for offset in range(DAYS):
            night = run_day(load_settings(home), START + timedelta(days=offset))
            assert night.passed, night
            if offset == 0:
                shutil.copytree(home, home.parent / "first_night", dirs_exist_ok=True)

    return _made_once("finished", tmp_path_factory, run)


@pytest.fixture(scope="session")
def first_night(finished: Path) -> Path:
    """A home in which the first of both days ran."""
    return finished.parent / "first_night"


@pytest.fixture(scope="session")
def foreign(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which everything that others publish for tests was loaded on `FOREIGN_DAY`."""

    def run(home: Path) -> None:
        settings = load_settings(home)
        landing = settings.home.landing
        # one hospital's data, and beside it what libraries and the specification publish
        for folder in ("synthea-100-patients", "r4-spec-examples", "bulk-10-patients"):
            examples = sorted((shared / "fhir" / folder).glob("*.ndjson"))
            land(landing, "ehr_fhir", examples, FOREIGN_DAY)
        stream = shared / "hl7v2/simhospital-small/small.stream.hl7"
        land(landing, "adt_hl7", [stream], FOREIGN_DAY)
        for folder in sorted(p for p in (shared / "hl7v2").iterdir() if p != stream.parent):
            land(landing, "orders_hl7", sorted(folder.rglob("*.hl7")), FOREIGN_DAY)
        night = run_day(settings, FOREIGN_DAY)
        assert not night.failures or night.broken, night  # a result, never a crash

    return _made_once("foreign", tmp_path_factory, run)


def _made_once(name: str, bases: pytest.TempPathFactory, run: Callable[[Path], None]) -> Path:
    """Return a home that is run by whichever process of the tests comes first, for all."""
    base = bases.getbasetemp()
    shared_base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared_base / name
    with (shared_base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unready = shared_base / f"{name}.unready"  # a run that fails leaves the others no home
            run(unready / "home")
            unready.rename(folder)
    return folder / "home"


@pytest.fixture
def home_of(tmp_path: Path) -> Callable[[Path], Settings]:
    """Copy a home so that a test may change it."""

    def copy(home: Path) -> Settings:
        target = tmp_path / "home"
        shutil.copytree(home, target)
        return load_settings(target)

    return copy
