"""A load that dies at a chosen moment, for tests of what the next load makes of it."""

from collections.abc import Callable

import pytest

from lakeward.lake.tables import Lake
from lakeward.landing import loading
from lakeward.landing.ledger import LedgerFile

COUNTS = "counts"
"""The moment after all commits of a load, before it returns its counts."""


class Killed(BaseException):
    """Stands for the process being gone."""


def kill_before(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Let loads die before they commit to a table, or at `COUNTS`."""
    if moment == COUNTS:
        patch.setattr(loading, "_counts", _die)
        return
    commit: Callable[[Lake, loading.Output, LedgerFile], None] = loading._commit

    def die_at_table(lake: Lake, output: loading.Output, last: LedgerFile) -> None:
        if output.spec.name == moment:
            raise Killed
        commit(lake, output, last)

    patch.setattr(loading, "_commit", die_at_table)


def _die(*_: object) -> None:
    raise Killed
