"""The fold for what serves the visits: beds, orders, tasks; visits themselves are in `state`."""

from collections.abc import Callable

from lakeward.simulator.events import Event, Kind
from lakeward.simulator.records import Place
from lakeward.simulator.world import World

_TASK_STATUS = {
    Kind.TASK_CREATED: "requested",
    Kind.TASK_STARTED: "in-progress",
    Kind.BED_CLEAN_STARTED: "in-progress",
    Kind.TASK_COMPLETED: "completed",
}


def set_bed(world: World, place: Place, event: Event, status: str) -> None:
    """Give a bed a new status."""
    place.status, place.status_since = status, event.at
    world.touch(place, event.at)


def _wait(world: World, visit: str, key: str, kind: str) -> None:
    """Open a wait of a visit, or close it when `kind` is empty."""
    found = world.visits[visit]
    if kind and found.status != "finished":
        found.waits[key] = kind
    else:
        found.waits.pop(key, None)
    world.mark(found)


def _bed_status(world: World, event: Event) -> None:
    place = world.place(event.place)
    if event.kind is Kind.BED_DIRTY:
        place.dirty_at = event.at
        world.touch(world.tasks[event.task], event.at)
    if event.kind is Kind.BED_CLEAN:
        place.cleaned_at = event.at
        _task(world, event, "completed")
    set_bed(world, place, event, event.code)


def _task_event(world: World, event: Event) -> None:
    _task(world, event, _TASK_STATUS[event.kind])


def _task(world: World, event: Event, status: str) -> None:
    task = world.tasks[event.task]
    task.status = status
    if status == "in-progress":
        task.started_at = event.at
    if status == "completed":
        task.completed_at = event.at
    if task.visit:
        _wait(world, task.visit, task.id, "" if status == "completed" else task.type)
    world.touch(task, event.at)


def _order_placed(world: World, event: Event) -> None:
    order = world.orders[event.order]
    if order.visit and order.category in ("lab", "imaging"):
        _wait(world, order.visit, order.id, order.category)
    world.touch(order, event.at)


def _order_resulted(world: World, event: Event) -> None:
    order = world.orders[event.order]
    order.result, order.resulted_at = event.code, event.at
    order.filler = dict(event.changes)["filler"]
    close_order(world, event, "completed")


def _order_cancelled(world: World, event: Event) -> None:
    close_order(world, event, "revoked")


def close_order(world: World, event: Event, status: str) -> None:
    """End the order that the event names, and the wait for it."""
    order = world.orders[event.order]
    order.status = status
    if order.visit:
        _wait(world, order.visit, order.id, "")
    world.touch(order, event.at)


SERVICE_FOLDS: dict[Kind, Callable[[World, Event], None]] = {
    Kind.BED_STATUS: _bed_status,
    Kind.BED_DIRTY: _bed_status,
    Kind.BED_CLEAN_STARTED: _task_event,
    Kind.BED_CLEAN: _bed_status,
    Kind.ORDER_PLACED: _order_placed,
    Kind.ORDER_RESULTED: _order_resulted,
    Kind.ORDER_CANCELLED: _order_cancelled,
    Kind.TASK_CREATED: _task_event,
    Kind.TASK_STARTED: _task_event,
    Kind.TASK_COMPLETED: _task_event,
}
