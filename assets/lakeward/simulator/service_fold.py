"""The fold for what serves the visits: beds, orders, tasks; visits are in `event_fold`."""

from collections.abc import Callable

from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.hospital_records import Location
from lakeward.simulator.world import World

_TASK_STATUS = {
    EventKind.TASK_CREATED: "requested",
    EventKind.TASK_STARTED: "in-progress",
    EventKind.BED_CLEAN_STARTED: "in-progress",
    EventKind.TASK_COMPLETED: "completed",
}


def set_bed(world: World, location: Location, event: Event, status: str) -> None:
    """Change the status of a bed (HL7 table 0116)."""
    location.status, location.status_since = status, event.at
    world.touch(location, event.at)


def _wait(world: World, visit: str, key: str, kind: str) -> None:
    """Open a wait of a visit, or close it when `kind` is empty."""
    found = world.visits[visit]
    # a task may start after its patient has left; a visit that is over waits for nothing
    if kind and found.status != "finished":
        found.waits[key] = kind
    else:
        found.waits.pop(key, None)
    # marked and not touched: its truth changes, but no resource of the visit itself is newer
    world.mark(found)


def _bed_status(world: World, event: Event) -> None:
    location = world.location(event.location)
    if event.kind is EventKind.BED_DIRTY:
        location.dirty_at = event.at
        world.touch(world.tasks[event.task], event.at)
    if event.kind is EventKind.BED_CLEAN:
        location.cleaned_at = event.at
        _task(world, event, "completed")
    set_bed(world, location, event, event.code)


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
    changes = dict(event.changes)
    order.filler, order.flag = changes["filler"], changes["flag"]
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


SERVICE_FOLDS: dict[EventKind, Callable[[World, Event], None]] = {
    EventKind.BED_STATUS: _bed_status,
    EventKind.BED_DIRTY: _bed_status,
    EventKind.BED_CLEAN_STARTED: _task_event,
    EventKind.BED_CLEAN: _bed_status,
    EventKind.ORDER_PLACED: _order_placed,
    EventKind.ORDER_RESULTED: _order_resulted,
    EventKind.ORDER_CANCELLED: _order_cancelled,
    EventKind.TASK_CREATED: _task_event,
    EventKind.TASK_STARTED: _task_event,
    EventKind.TASK_COMPLETED: _task_event,
}
