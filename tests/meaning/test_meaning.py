"""The canonical store against oracles in plain Python, over situations made by chance.

All situations of all roots share a home and each is judged alone. A variant delivers the same
in another way (any order and any split over days where times decide, stamps taken away where the
delivery decides, repetitions and identifiers permuted, times cut to the minute) and must end in the
same rows. A failure names the kind, the key, what was expected and what was found; the deliveries
are those of `SEED`.
"""

from dataclasses import dataclass
from random import Random

import identity
import modifiers
import order
import participants
import pytest
import repetitions
import states
import times
from feeding import differences, feed, rows_of
from scenario import ANY_ORDER, PERMUTABLE, Root, Scenario, Variant

from lakeward.core.settings import Settings
from lakeward.orchestration.nightly import Night

SEED = 20260105
COUNT = 72
ROOTS = (
    order.ROOT,
    times.ROOT,
    identity.ROOT,
    repetitions.ROOT,
    modifiers.ROOT,
    participants.ROOT,
    states.ROOT,
)
VARIANTS = (Variant("another order", (ANY_ORDER, PERMUTABLE), 1),)


@dataclass(frozen=True)
class Fed:
    """A home into which the scenarios were fed."""

    scenarios: dict[str, list[Scenario]]
    settings: Settings
    nights: list[Night]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: variant.name)
def fed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fed:
    made = {root.name: _made(root) for root in ROOTS}
    everything = [scenario for scenarios in made.values() for scenario in scenarios]
    folder = tmp_path_factory.mktemp("meaning")
    settings, nights = feed(folder, everything, request.param, SEED)
    return Fed(made, settings, nights)


def _made(root: Root) -> list[Scenario]:
    return root.scenarios(Random(f"{SEED} {root.name}"), COUNT)


@pytest.mark.slow
def test_every_night_is_released(fed: Fed) -> None:
    assert [(night.failures, night.broken) for night in fed.nights if not night.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)
def test_the_store_holds_what_was_stated(fed: Fed, root: Root) -> None:
    wrong = differences(fed.scenarios[root.name], rows_of(fed.settings, root))
    assert wrong == {}
