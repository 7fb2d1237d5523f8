"""Outpatient care: slots, and an appointment from its booking to the morning of its day.

What happens on the day is in `clinic_day`. A planned step may find that its appointment has moved
or was cancelled meanwhile: each asks `as_planned` first, so nothing has to be unplanned.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from lakeward.simulator.booking_fold import SLOT_MINUTES
from lakeward.simulator.clinic_day import appointment_keys, as_planned, day_of
from lakeward.simulator.events import EventKind
from lakeward.simulator.facility_clock import is_working, next_working_day, working_day
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.hospital_records import Appointment, Slot
from lakeward.simulator.story import Story
from lakeward.simulator.world import slot_id

HORIZON_DAYS = 16
"""Days ahead for which slots are open."""
BOOKINGS_PER_PERSON = 0.1
"""A working day; far above a real rate, so that small hospitals have a list worth calling."""
_SHARED_VISIT_NUMBERS = 0.7
"""Share of bookings whose messages name a visit number, under which the visit then comes. Without
it a reader must join the two by patient and time, as many real schedulers demand."""
_EARLIER = 0.004
"""Offers of an earlier date, for each person and working day: tomorrow's list changes overnight."""
_FIRST_HOUR, _LAST_HOUR = 8, 17
_HALF_HOURS = 18
"""From 08:00 on; two of them are noon and never open."""
# days between booking and appointment, with weights: many soon, most within two weeks
_LEAD_DAYS = ((0, 3), (1, 14), (2, 14), (3, 10), (5, 14), (7, 20), (10, 12), (14, 13))
_TYPES = {"ROUTINE": "Routine appointment", "FOLLOWUP": "Follow-up visit", "CHECKUP": "Check-up"}
_REASONS = (
    ("CONSULT", "Consultation"),
    ("CONTROL", "Control of findings"),
    ("RESULT", "Discussion of results"),
    ("NEWPT", "New patient"),
)
_CANCEL_REASONS = (("pat", 7), ("prov", 2), ("other", 1))
_MOVED, _CANCELLED, _MODIFIED, _CONFIRMED, _KEPT = 10, 8, 5, 30, 47
"""Of a hundred bookings, what happens to each between booking and start."""


def open_slots(story: Story, at: datetime, day: date) -> None:
    """Open every clinician's half hours of `day`."""
    if is_working(day):
        first = story.clock.at(day, _FIRST_HOUR * 60)
        for clinic in CLINICS:
            for doctor in story.world.hospital.staff[clinic]:
                story.emit(EventKind.SLOTS_OPENED, at, code=doctor.id, when=first)


def plan_bookings(story: Story, day: date) -> None:
    """Plan the bookings of one working day, and who is offered an earlier date."""
    for _ in range(story.count(story.size * BOOKINGS_PER_PERSON)):
        story.plan(story.moment(day, _FIRST_HOUR, _LAST_HOUR), _book_somebody)
    # at least one, whatever the size: every demo shows an appointment that was moved to tomorrow
    for _ in range(max(1, story.count(story.size * _EARLIER))):
        story.plan(story.moment(day, 10, 16), _offer_earlier)


def _book_somebody(story: Story, at: datetime) -> None:
    # at most two at once: in a small hospital, chance would else book the
    # same few people again and again
    person = story.pick(lambda p: len(p.bookings) < 2 and not p.merged_into)
    if person is not None:
        book_for(story, at, person.id)


def book_for(story: Story, at: datetime, patient: str) -> None:
    """Book an appointment at a clinic and lead time that chance decides."""
    lead = story.weighted(_LEAD_DAYS)
    book_on(story, at, patient, working_day(story.clock.day(at) + timedelta(days=lead)))


def book_on(
    story: Story,
    at: datetime,
    patient: str,
    day: date,
    *,
    clinic: str = "",
    referral: str = "",
    steady: bool = False,
) -> None:
    """Book the patient on the first day from `day` with a free slot.

    A `steady` booking is neither moved nor cancelled before its day.
    """
    clinic = clinic or story.rng.choice(list(CLINICS))
    slot = _free_slot(story, at, clinic, day, story.world.person(patient).bookings.values())
    if slot is None:
        return
    number = story.serial("appointment", 200001)
    shares = story.chance(_SHARED_VISIT_NUMBERS)
    code = "ROUTINE" if referral else story.rng.choice(list(_TYPES))
    appointment = Appointment(
        id=f"appt-{number}",
        filler=f"AP{number}",
        patient=patient,
        clinic=clinic,
        practitioner=slot.practitioner,
        start=slot.start,
        minutes=SLOT_MINUTES,
        created=at,
        original_start=slot.start,
        type=(code, _TYPES[code]),
        reason=("REFERRAL", "Referred") if referral else story.rng.choice(_REASONS),
        visit_number=story.visit_number() if shares else "",
        shares_visit_number=shares,
        referral=referral,
    )
    story.emit(
        EventKind.APPOINTMENT_BOOKED,
        at,
        **appointment_keys(appointment),
        referral=referral,
        created=appointment,
    )
    if not steady:
        _plan_fate(story, at, appointment)
    _plan_day_of(story, at, appointment)


def _free_slot(
    story: Story, at: datetime, clinic: str, day: date, taken: Collection[date]
) -> Slot | None:
    for _ in range(6):
        doctor = story.rng.choice(story.world.hospital.staff[clinic])
        # nobody has two appointments on one day: which of the two an
        # arrival is for would be a guess
        slot = None if day in taken else _slot_of(story, at, doctor.id, day)
        if slot is not None:
            return slot
        day = next_working_day(day)
    return None


def _plan_fate(story: Story, at: datetime, appointment: Appointment) -> None:
    """Decide what may come between booking and start."""
    fate = story.weighted(
        (
            (_move, _MOVED),
            (_cancel, _CANCELLED),
            (_modify, _MODIFIED),
            (_confirm, _CONFIRMED),
            (None, _KEPT),
        )
    )
    # confirmations come in the days before the start, everything else at any time since the booking
    if fate is _confirm:
        moment = appointment.start - timedelta(hours=story.rng.uniform(5, 70))
    else:
        moment = at + (appointment.start - at) * story.rng.uniform(0.1, 0.9)
    office = _office_hours(story, moment)
    if fate and at < office < appointment.start - timedelta(hours=1):
        story.plan(office, fate, appointment.id, appointment.start)


def _plan_day_of(story: Story, at: datetime, appointment: Appointment) -> None:
    morning = story.clock.at(story.clock.day(appointment.start), 6 * 60 + 30)
    story.plan(max(morning, at), day_of, appointment.id, appointment.start)


def _office_hours(story: Story, moment: datetime) -> datetime:
    day = story.clock.day(moment)
    if not is_working(day):
        return story.moment(next_working_day(day), 8, 10)
    minutes = story.clock.minutes(moment)
    if _FIRST_HOUR * 60 <= minutes < _LAST_HOUR * 60:
        return moment.replace(microsecond=0)
    return story.moment(day, _FIRST_HOUR, _LAST_HOUR)


def _move(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is None:
        return
    day = working_day(story.clock.day(start) + timedelta(days=story.rng.randint(0, 5)))
    # slots near the horizon are left for new bookings
    horizon = story.clock.day(at) + timedelta(days=HORIZON_DAYS - 3)
    slot = _slot_of(story, at, found.practitioner, min(day, working_day(horizon)))
    if slot is not None and slot.start != start:
        story.emit(
            EventKind.APPOINTMENT_RESCHEDULED, at, **appointment_keys(found), when=slot.start
        )
        _plan_fate(story, at, found)
        _plan_day_of(story, at, found)


def _slot_of(story: Story, at: datetime, practitioner: str, day: date) -> Slot | None:
    first = story.clock.at(day, _FIRST_HOUR * 60)
    # in random order, so that a day does not fill up from eight o'clock on
    for step in story.rng.sample(range(_HALF_HOURS), _HALF_HOURS):
        start = first + timedelta(minutes=SLOT_MINUTES * step)
        slot = story.world.slots.get(slot_id(practitioner, start))
        if slot and slot.status == "free" and start > at + timedelta(hours=1):
            return slot
    return None


def _cancel(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is not None:
        reason = story.weighted(_CANCEL_REASONS)
        story.emit(EventKind.APPOINTMENT_CANCELLED, at, **appointment_keys(found), code=reason)


def _modify(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is not None:
        code = "CHECKUP" if found.type[0] != "CHECKUP" else "FOLLOWUP"
        changes = ((code, _TYPES[code]),)
        story.emit(EventKind.APPOINTMENT_MODIFIED, at, **appointment_keys(found), changes=changes)


def _confirm(story: Story, at: datetime, appointment: str, start: datetime) -> None:
    found = as_planned(story, appointment, start)
    if found is not None:
        story.emit(EventKind.APPOINTMENT_CONFIRMED, at, **appointment_keys(found))


def _offer_earlier(story: Story, at: datetime) -> None:
    """Move somebody's later appointment to the next working day."""
    tomorrow = next_working_day(story.clock.day(at))
    person = story.pick(lambda p: max(p.bookings.values(), default=tomorrow) > tomorrow)
    if person is None or tomorrow in person.bookings.values():
        return
    latest = max(person.bookings, key=lambda key: person.bookings[key])
    found = story.world.appointments[latest]
    slot = _slot_of(story, at, found.practitioner, tomorrow)
    if slot is not None and found.status == "booked":
        story.emit(
            EventKind.APPOINTMENT_RESCHEDULED, at, **appointment_keys(found), when=slot.start
        )
        _plan_day_of(story, at, found)
