"""The day of an appointment: arrival, check-in, exam room and home, or nobody came."""

from datetime import datetime

from lakeward.simulator.events import EventKind
from lakeward.simulator.hospital_records import Appointment, Visit
from lakeward.simulator.orders import order_test
from lakeward.simulator.story import Story

_ONE_NO_SHOW_IN = 12
"""Appointments; a few more are missed because the patient is in one of our beds by then."""
_TESTED = 0.3
"""Share of visits in which a test is ordered."""


def appointment_keys(appointment: Appointment) -> dict[str, str]:
    """Return the keys that every event about an appointment has."""
    return {"appointment": appointment.id, "patient": appointment.patient}


def as_planned(story: Story, appointment: str, start: datetime) -> Appointment | None:
    """Return the appointment if it is as it was when a step was planned, else None.

    It is not if it has begun, moved or was cancelled: the step then does nothing.
    """
    found = story.world.appointments[appointment]
    return found if found.status == "booked" and found.start == start else None


def day_of(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    """Decide in the morning: cancelled since the patient is in a bed or dead, missed, or kept."""
    found = as_planned(story, appointment, start)
    if found is None:
        return
    person = story.world.person(found.patient)
    # cancelled by the hospital, which knows why: as a no-show it would distort the rate
    if person.deceased_at or person.visit:
        reason = "pat-dec" if person.deceased_at else "other"
        story.emit(EventKind.APPOINTMENT_CANCELLED, at, **appointment_keys(found), code=reason)
    elif story.one_in("no_show", _ONE_NO_SHOW_IN):
        _plan_no_show(story, found)
    else:
        story.plan(max(story.later(start, -25, 10), at), _arrive, appointment, start)


def _plan_no_show(story: Story, found: Appointment) -> None:
    # entered after the clinic has closed, as clerks do: in the evening nobody is "late" any more
    evening = story.moment(story.clock.day(found.start), 18.2, 19.8)
    story.plan(evening, _no_show, found.id, found.start)


def _no_show(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is not None:
        story.emit(EventKind.APPOINTMENT_NO_SHOW, at, **appointment_keys(found))


def _arrive(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is None:
        return
    person = story.world.person(found.patient)
    if person.visit or person.deceased_at:
        _plan_no_show(story, found)
        return
    # a merged patient arrives as the survivor, though the booking names the retired record
    number = found.visit_number or story.visit_number()
    visit = Visit(
        id=f"enc-{number[1:]}",
        number=number,
        patient=person.id,
        practitioner=found.practitioner,
        reason=found.reason,
        service=found.clinic,
        appointment=found.id,
    )
    keys = {"patient": person.id, "visit": visit.id, "appointment": found.id}
    story.emit(EventKind.ARRIVED, at, **keys, location=found.clinic, code="AMB", created=visit)
    story.plan(story.later(at, 2, 8), _check_in, visit.id)


def _check_in(story: Story, at: datetime, visit: str) -> None:
    found = story.world.visits[visit]
    keys = {"patient": found.patient, "visit": visit, "appointment": found.appointment}
    story.emit(EventKind.CHECKED_IN, at, **keys)
    start = story.world.appointments[found.appointment].start
    story.plan(story.later(max(at, start), 3, 22), _room, visit)


def _room(story: Story, at: datetime, visit: str) -> None:
    found = story.world.visits[visit]
    doctor = story.world.practitioner(found.practitioner)
    story.emit(EventKind.ROOMED, at, patient=found.patient, visit=visit, location=doctor.room)
    if story.chance(_TESTED):
        story.plan(story.later(at, 5, 15), order_test, visit, 120, 1800)
    story.plan(story.later(at, 16, 38), _leave, visit)


def _leave(story: Story, at: datetime, visit: str) -> None:
    found = story.world.visits[visit]
    keys = {"patient": found.patient, "visit": visit, "appointment": found.appointment}
    story.emit(EventKind.DEPARTED, at, **keys, code="01")
