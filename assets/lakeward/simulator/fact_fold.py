"""The fold for what is known of patients beside visits and orders."""

from collections.abc import Callable

from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.fact_records import Acuity, Review
from lakeward.simulator.world import World


def _stated(world: World, event: Event) -> None:
    fact = world.facts[event.code]
    fact.stated_at = event.at
    world.touch(fact, event.at)
    # marked and not touched: the visit and the order have no new version for it
    match fact:
        case Acuity():
            world.visits[fact.visit].acuity = fact.level
            world.mark(world.visits[fact.visit])
        case Review():
            order = world.orders[fact.order]
            order.reviewed_at, order.reviewer = event.at, fact.reviewer
            world.mark(order)


def _changed(world: World, event: Event) -> None:
    fact = world.facts[event.code]
    fact.changed_at = event.at
    for attribute, value in event.changes:
        setattr(fact, attribute, value)
    world.touch(fact, event.at)


FACT_FOLDS: dict[EventKind, Callable[[World, Event], None]] = {
    EventKind.FACT_STATED: _stated,
    EventKind.FACT_CHANGED: _changed,
}
