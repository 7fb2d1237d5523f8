"""Fixtures of the quarantine tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ward import Ward

from lakeward.core.settings import Settings, load_settings


@pytest.fixture
def ward(settings: Settings) -> Ward:
    """A home that accepts messages of ADT only."""
    return Ward(settings)


@pytest.fixture
def make_ward(tmp_path: Path) -> Callable[[str], Ward]:
    """Make wards by name."""
    return lambda name: Ward(load_settings(tmp_path / name / "home"))
