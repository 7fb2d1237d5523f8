"""The fold for people, bookings and referrals; visits are in `event_fold`."""

from collections.abc import Callable
from datetime import timedelta

from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.hospital_records import Appointment, Slot
from lakeward.simulator.world import World, slot_id

SLOT_MINUTES = 30
_MORNING, _AFTERNOON = range(8), range(10, 18)
"""Half hours from 08:00 that can be booked: 08:00 to 12:00 and 13:00 to 17:00."""
_WEDNESDAY = 2


def _person_changed(world: World, event: Event) -> None:
    person = world.people[event.patient]
    for attribute, value in event.changes:
        setattr(person, attribute, value)
    world.touch(person, event.at)


def _deactivated(world: World, event: Event) -> None:
    world.people[event.patient].active = False
    world.touch(world.people[event.patient], event.at)


def _consented(world: World, event: Event) -> None:
    world.touch(world.consents[event.code], event.at)


def _merged(world: World, event: Event) -> None:
    survivor, retired = world.people[event.patient], world.people[event.code]
    retired.active, retired.merged_into = False, survivor.id
    survivor.replaces.append(retired.id)
    # an appointment keeps naming the retired record, in both formats: only its truth changes
    for appointment in retired.bookings:
        world.mark(world.appointments[appointment])
    # bookings move to the survivor, or the day's steps would look for them on a record nobody uses
    survivor.bookings |= retired.bookings
    retired.bookings = {}
    for fact in world.facts.values():
        if fact.patient == retired.id:
            world.mark(fact)
    world.touch(retired, event.at)
    world.touch(survivor, event.at)


def _slots_opened(world: World, event: Event) -> None:
    if event.when is None:
        return
    for step in (*_MORNING, *_AFTERNOON):
        start = event.when + timedelta(minutes=SLOT_MINUTES * step)
        slot = Slot(id=slot_id(event.code, start), practitioner=event.code, start=start)
        # one slot a week that is neither free nor booked: readers must not take it for either
        if step == _AFTERNOON[-1] and start.weekday() == _WEDNESDAY:
            slot.status = "busy-unavailable"
        world.take(slot)
        world.touch(slot, event.at)


def _set_slot(world: World, appointment: Appointment, event: Event, status: str) -> None:
    slot = world.slots[slot_id(appointment.practitioner, appointment.start)]
    slot.status, slot.appointment = status, appointment.id if status == "busy" else ""
    world.touch(slot, event.at)


def refer(world: World, appointment: Appointment, event: Event, state: str) -> None:
    """Carry what happened to an appointment over to the referral behind it."""
    if not appointment.referral:
        return
    referral = world.referrals[appointment.referral]
    referral.state, referral.state_since = state, event.at
    if state == "scheduled":
        referral.scheduled_at, referral.appointment = event.at, appointment.id
    if state == "seen":
        referral.seen_at = event.at
    world.touch(referral, event.at)


def _booked(world: World, event: Event) -> None:
    appointment = world.appointments[event.appointment]
    world.person(appointment.patient).bookings[appointment.id] = appointment.start.date()
    _set_slot(world, appointment, event, "busy")
    world.touch(appointment, event.at)
    refer(world, appointment, event, "scheduled")


def _rescheduled(world: World, event: Event) -> None:
    appointment = world.appointments[event.appointment]
    # FHIR keeps the id of a moved appointment; both slots get a new version
    _set_slot(world, appointment, event, "free")
    if event.when is not None:
        appointment.start = event.when
    appointment.moves += 1
    appointment.confirmed_at = None  # the patient confirmed another date
    world.person(appointment.patient).bookings[appointment.id] = appointment.start.date()
    _set_slot(world, appointment, event, "busy")
    world.touch(appointment, event.at)


def _appointment_changed(world: World, event: Event) -> None:
    appointment = world.appointments[event.appointment]
    if event.kind is EventKind.APPOINTMENT_CONFIRMED:
        appointment.confirmed_at = event.at
    else:
        code, text = event.changes[0]
        appointment.type = (code, text)
    world.touch(appointment, event.at)


def _fell_through(world: World, event: Event) -> None:
    appointment = world.appointments[event.appointment]
    world.person(appointment.patient).bookings.pop(appointment.id, None)
    if event.kind is EventKind.APPOINTMENT_CANCELLED:
        appointment.status, appointment.cancel_reason = "cancelled", event.code
        _set_slot(world, appointment, event, "free")
        refer(world, appointment, event, "appt_cancelled")
    else:
        appointment.status = "noshow"
        refer(world, appointment, event, "unattended")
    world.touch(appointment, event.at)


def _referral(world: World, event: Event) -> None:
    referral = world.referrals[event.referral]
    referral.state_since = event.at
    if event.kind is EventKind.REFERRAL_ACCEPTED:
        referral.state, referral.accepted_at = "accepted", event.at
    if event.kind is EventKind.REFERRAL_DECLINED:
        referral.state, referral.closed_at = "declined", event.at
    world.touch(referral, event.at)


BOOKING_FOLDS: dict[EventKind, Callable[[World, Event], None]] = {
    EventKind.PERSON_REGISTERED: _person_changed,
    EventKind.PERSON_UPDATED: _person_changed,
    EventKind.PERSON_DEACTIVATED: _deactivated,
    EventKind.CONSENT_DECIDED: _consented,
    EventKind.IDENTITY_MERGE: _merged,
    EventKind.SLOTS_OPENED: _slots_opened,
    EventKind.APPOINTMENT_BOOKED: _booked,
    EventKind.APPOINTMENT_RESCHEDULED: _rescheduled,
    EventKind.APPOINTMENT_MODIFIED: _appointment_changed,
    EventKind.APPOINTMENT_CONFIRMED: _appointment_changed,
    EventKind.APPOINTMENT_CANCELLED: _fell_through,
    EventKind.APPOINTMENT_NO_SHOW: _fell_through,
    EventKind.REFERRAL_CREATED: _referral,
    EventKind.REFERRAL_ACCEPTED: _referral,
    EventKind.REFERRAL_DECLINED: _referral,
}
