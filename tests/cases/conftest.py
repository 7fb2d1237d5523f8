"""The home of each group of situations, run once."""

from collections.abc import Callable

import pytest
from situations import Situation, run_nights, situations

from lakeward.core.settings import Settings, load_settings

Group = tuple[Settings, list[str]]


@pytest.fixture(scope="session")
def group_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Situation], Group]:
    """Return the home of the group that a situation belongs to, and what broke in its nights."""
    homes: dict[tuple[str, str], Group] = {}

    def group(name: str, situation: Situation) -> Group:
        key = (name, situation.group)
        if key not in homes:
            members = [s for s in situations(name) if s.group == situation.group]
            settings = load_settings(tmp_path_factory.mktemp(situation.group) / "home")
            homes[key] = (settings, run_nights(settings, members))
        return homes[key]

    return group
