"""Fixtures of all tests: a home of their own, a frozen zone that is not UTC, third-party data."""

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
