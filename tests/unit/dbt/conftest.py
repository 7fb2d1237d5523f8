"""Canonical tables built once per session."""

import pytest
from canonical_folds import DAYS, deliver

from lakeward.lake.query import Connection


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    """Both days, in the order in which they happened."""
    return deliver(tmp_path_factory.mktemp("folds") / "home", DAYS)
