"""Fixtures of all tests: a home, a zone that is not UTC, goldens, third-party data.

A golden is a file below `tests/golden`, `tests/repo` or `docs` that holds what the code makes of
some input. A test compares with it through the fixture `golden`; `make golden` writes all of them
again. Read `git diff` before the result is committed: a golden is only as good as its last reading.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.settings import Settings, load_settings
from lakeward.lake.tables import Lake

ROOT = Path(__file__).resolve().parents[1]
WHOLE_NIGHTS = ("cases", "integration", "truth")
Golden = Callable[[Path, str | bytes], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--regenerate`."""
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="run only the tests that have goldens, and write these instead of comparing",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put whole nights first; keep only the writers of goldens, when these are to be written.

    A file of nights takes minutes: begun last, it keeps one process busy while the others are done.
    """
    items.sort(key=lambda item: item.path.relative_to(ROOT).parts[1] not in WHOLE_NIGHTS)
    if config.getoption("--regenerate"):
        writers = [item for item in items if "golden" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in writers])
        items[:] = writers


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Golden:
    """Compare a text or bytes with a golden file, or write the file under `--regenerate`."""

    def check(path: Path, actual: str | bytes) -> None:
        if pytestconfig.getoption("--regenerate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual.encode() if isinstance(actual, str) else actual)
        assert path.is_file(), f"{path.relative_to(ROOT)} is missing; `make golden` writes it"
        expected = path.read_bytes()
        assert actual == (expected.decode() if isinstance(actual, str) else expected)

    return check


@pytest.fixture(autouse=True)
def _far_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a zone that is neither UTC nor the demo hospital's, to catch local time by mistake."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a fresh home."""
    return load_settings(tmp_path / "home")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """An empty lake."""
    return Lake(settings.home.lake)


@pytest.fixture
def hospital(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Make hospitals whose source is pulled from a bulk server; see `bulk_hospital`."""
    from bulk_hospital import make_hospital  # loads what only these tests need

    with ExitStack() as stack:
        yield partial(make_hospital, settings, stack)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Third-party test data; it is not part of the project."""
    path = Path(os.environ.get("LAKEWARD_SHARED", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("third-party test data is not here; set LAKEWARD_SHARED to its folder")
    return path
