"""The lists of a run are built by one call of dbt, whichever step comes first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from lakeward.assets import list_builds
from lakeward.assets.home import BusinessDay
from lakeward.assets.list_builds import ListBuilds
from lakeward.core.settings import Settings
from lakeward.lake.dbt import ModelRun

TODAY = BusinessDay(date(2026, 1, 5), datetime(2026, 1, 6, 5, tzinfo=UTC), "America/New_York")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for dbt: every model builds, but for `worklist__broken`."""
    calls: list[list[str]] = []

    def build(
        settings: Settings, select: Sequence[str], variables: Mapping[str, str], **_: Any
    ) -> list[ModelRun]:
        del settings, variables
        calls.append(list(select))
        return [ModelRun(name, 0.5) for name in select if name != "worklist__broken"]

    monkeypatch.setattr(list_builds, "build", build)
    return calls


def test_dbt_is_called_once_for_all_lists_of_a_run(
    settings: Settings, calls: list[list[str]]
) -> None:
    lists = ListBuilds()
    models = ["worklist__a", "worklist__broken"]
    assert lists.build_once(settings, models, TODAY) == {"worklist__a": 0.5}
    assert lists.build_once(settings, models, TODAY) == {"worklist__a": 0.5}
    assert calls == [models]


def test_each_run_has_builds_of_its_own_that_its_steps_share() -> None:
    seen: list[ListBuilds] = []

    @dg.asset
    def first(lists: dg.ResourceParam[ListBuilds]) -> None:
        seen.append(lists)

    @dg.asset(deps=[first])
    def second(lists: dg.ResourceParam[ListBuilds]) -> None:
        seen.append(lists)

    for _ in range(2):
        resources = {"lists": list_builds.list_builds()}
        assert dg.materialize([first, second], resources=resources).success
    assert [each is seen[0] for each in seen] == [True, True, False, False]
