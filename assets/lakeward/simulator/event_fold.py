"""The fold: what each event does to the records. Nothing else changes a record.

Visits are here, people and bookings in `booking_fold`, beds and orders in `service_fold`, what is
known beside them in `fact_fold`. `apply`
is deterministic: chance decides which events happen, never what they do.
"""

from collections.abc import Callable

from lakeward.simulator.booking_fold import BOOKING_FOLDS, refer
from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.fact_fold import FACT_FOLDS
from lakeward.simulator.hospital_records import Phase, Stay, Visit
from lakeward.simulator.service_fold import SERVICE_FOLDS, close_order, set_bed
from lakeward.simulator.world import World

Fold = Callable[[World, Event], None]

# discharge dispositions (HL7 table 0112, and LWBS) that end a visit otherwise than "discharged"
_END_STATES = {"07": "ama", "20": "deceased", "LWBS": "lwbs"}


def apply(world: World, event: Event) -> None:
    """Change the world to its state after `event`."""
    if event.created is not None:
        world.take(event.created)
    _FOLDS[event.kind](world, event)


def _state(visit: Visit, event: Event, state: str) -> None:
    visit.main_state = state
    visit.state_since = event.at


def _phase(phases: list[Phase], code: str, event: Event) -> None:
    """End the current phase and begin the next; the same code again continues the phase."""
    if phases and phases[-1].code == code:
        return
    if phases:
        phases[-1].end = event.at
    phases.append(Phase(code=code, start=event.at))


def _status(visit: Visit, event: Event, status: str) -> None:
    visit.status = status
    _phase(visit.statuses, status, event)


def _enter(world: World, visit: Visit, event: Event) -> None:
    _leave(world, visit, event)
    visit.stays.append(Stay(location=event.location, start=event.at))
    location = world.location(event.location)
    if location.bed:
        location.visit, location.occupied_at = visit.id, event.at
        set_bed(world, location, event, "O")


def _leave(world: World, visit: Visit, event: Event) -> None:
    if not visit.stays:
        return
    visit.stays[-1].end = event.at
    location = world.location(visit.location)
    # only if it is still this visit's: the next patient may be in the bed already
    if location.visit == visit.id:
        location.visit, location.vacated_at = "", event.at


def _arrived(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.arrived_at = event.at
    _phase(visit.classes, event.code, event)
    _status(visit, event, "arrived")
    _state(visit, event, "arrived")
    _enter(world, visit, event)
    world.person(visit.patient).visit = visit.id
    world.touch(visit, event.at)
    # the appointment gets the number only now, if its booking did not share one
    if visit.appointment:
        appointment = world.appointments[visit.appointment]
        appointment.status, appointment.visit = "arrived", visit.id
        appointment.visit_number = visit.number
        world.touch(appointment, event.at)


def _checked_in(world: World, event: Event) -> None:
    _state(world.visits[event.visit], event, "checked_in")
    appointment = world.appointments[event.appointment]
    appointment.status = "checked-in"
    world.touch(appointment, event.at)


def _triaged(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.triaged_at = event.at
    _status(visit, event, "triaged")
    _state(visit, event, "triaged")
    world.touch(visit, event.at)


def _roomed(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.roomed_at = event.at
    _status(visit, event, "in-progress")
    _state(visit, event, "roomed")
    _enter(world, visit, event)
    world.touch(visit, event.at)


def _admit_decision(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.waits[event.order] = "bed"  # boarding in the ED until a bed is found
    _state(visit, event, "boarding")
    world.touch(world.orders[event.order], event.at)


def _admitted(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.admit_at, visit.expected_discharge_at = event.at, event.when
    _phase(visit.classes, "IMP", event)
    _status(visit, event, "in-progress")
    _state(visit, event, "admitted")
    _enter(world, visit, event)
    world.person(visit.patient).visit = visit.id
    world.touch(visit, event.at)
    if event.order:
        close_order(world, event, "completed")


def _admit_cancelled(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    location = world.location(visit.location)
    # nobody lay in it: the bed is free at once, without cleaning
    _leave(world, visit, event)
    set_bed(world, location, event, "U")
    _status(visit, event, "cancelled")
    _state(visit, event, "cancelled")
    world.person(visit.patient).visit = ""
    world.touch(visit, event.at)


def _transfer(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    _enter(world, visit, event)
    world.touch(visit, event.at)


def _visit_updated(world: World, event: Event) -> None:
    # without a new estimate the message says nothing new, and no record changes
    if event.when is not None:
        visit = world.visits[event.visit]
        visit.expected_discharge_at = event.when
        world.touch(visit, event.at)


def _discharge_ordered(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.discharge_ordered_at, visit.expected_discharge_at = event.at, event.when
    _state(visit, event, "discharge_ordered")
    world.touch(visit, event.at)
    world.touch(world.orders[event.order], event.at)


def _departed(world: World, event: Event) -> None:
    visit = world.visits[event.visit]
    visit.discharge_at, visit.disposition = event.at, event.code
    _leave(world, visit, event)
    _status(visit, event, "finished")
    _state(visit, event, _END_STATES.get(event.code, "discharged"))
    # a test that is resulted after the visit is no wait of anybody
    visit.waits.clear()
    person = world.person(visit.patient)
    person.visit = ""
    world.touch(visit, event.at)
    if event.order:
        close_order(world, event, "completed")
    if event.code == "20":  # died
        person.deceased_at = event.at
        world.touch(person, event.at)
    if visit.appointment:
        appointment = world.appointments[visit.appointment]
        appointment.status = "fulfilled"
        person.bookings.pop(appointment.id, None)
        world.touch(appointment, event.at)
        refer(world, appointment, event, "seen")


_FOLDS: dict[EventKind, Fold] = (
    BOOKING_FOLDS
    | SERVICE_FOLDS
    | FACT_FOLDS
    | {
        EventKind.ARRIVED: _arrived,
        EventKind.CHECKED_IN: _checked_in,
        EventKind.TRIAGED: _triaged,
        EventKind.ROOMED: _roomed,
        EventKind.ADMIT_DECISION: _admit_decision,
        EventKind.ADMITTED: _admitted,
        EventKind.ADMIT_CANCELLED: _admit_cancelled,
        EventKind.TRANSFER: _transfer,
        EventKind.VISIT_UPDATED: _visit_updated,
        EventKind.DISCHARGE_ORDERED: _discharge_ordered,
        EventKind.DEPARTED: _departed,
    }
)
