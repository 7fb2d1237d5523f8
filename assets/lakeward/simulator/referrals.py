"""Referrals from outside: received, accepted or declined, scheduled, or forgotten."""

from datetime import date, datetime, timedelta

from lakeward.simulator import clinic
from lakeward.simulator.events import EventKind
from lakeward.simulator.facility_clock import working_day
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.hospital_records import Referral
from lakeward.simulator.story import Story

_RATE = 0.012
"""Referrals for each person and working day."""
_ACCEPTED, _DECLINED, _FORGOTTEN = 75, 8, 17
"""Of a hundred referrals; those that nobody looks at are what the follow-up worklist finds."""
_SCHEDULED = 0.75
"""Share of the accepted ones that get an appointment."""
_VALID_DAYS = 120
_REASONS = (
    ("R06.0", "Dyspnea"),
    ("M25.5", "Joint pain"),
    ("L30.9", "Dermatitis"),
    ("H91.9", "Hearing loss"),
)
_PRIORITIES = (("routine", 8), ("asap", 1), ("urgent", 2))


def plan_referrals(story: Story, day: date) -> None:
    """Plan the referrals that come in on one working day."""
    for _ in range(story.count(story.size * _RATE)):
        story.plan(story.moment(day, 8, 17), _receive)


def _receive(story: Story, at: datetime) -> None:
    person = story.pick(lambda p: not p.merged_into and not p.visit)
    if person is None:
        return
    number = story.serial("referral", 600001)
    hospital = story.world.hospital
    referral = Referral(
        id=f"ref-{number}",
        number=f"RF{number}",
        # one series with orders: a referral is an order, and no two may share a placer number
        placer=f"OR{story.serial('order', 500001)}",
        patient=person.id,
        # to specialists: primary care is who refers
        clinic=story.rng.choice([c for c in CLINICS if c != "PRIM"]),
        practitioner=story.rng.choice(hospital.staff["REF"]).id,
        organization=story.rng.choice(hospital.practices),
        priority=story.weighted(_PRIORITIES),
        reason=story.rng.choice(_REASONS),
        received_at=at,
        expires_at=at + timedelta(days=_VALID_DAYS),
    )
    facts = {"patient": person.id, "referral": referral.id}
    story.emit(EventKind.REFERRAL_CREATED, at, **facts, created=referral)
    next_step = story.weighted(((_accept, _ACCEPTED), (_decline, _DECLINED), (None, _FORGOTTEN)))
    if next_step:
        story.plan(_work_hours(story, at, 1, 5), next_step, referral.id)


def _work_hours(story: Story, at: datetime, low: int, high: int) -> datetime:
    day = story.clock.day(at) + timedelta(days=story.rng.randint(low, high))
    return story.moment(working_day(day), 8, 17)


def _accept(story: Story, at: datetime, referral: str) -> None:
    found = story.world.referrals[referral]
    story.emit(EventKind.REFERRAL_ACCEPTED, at, patient=found.patient, referral=referral)
    if story.chance(_SCHEDULED):
        story.plan(_work_hours(story, at, 0, 7), _schedule, referral)


def _decline(story: Story, at: datetime, referral: str) -> None:
    found = story.world.referrals[referral]
    story.emit(EventKind.REFERRAL_DECLINED, at, patient=found.patient, referral=referral)


def _schedule(story: Story, at: datetime, referral: str) -> None:
    found = story.world.referrals[referral]
    person = story.world.person(found.patient)
    # days have passed since the referral was accepted
    if person.deceased_at or not person.active:
        return
    day = working_day(story.clock.day(at) + timedelta(days=story.rng.randint(1, 10)))
    clinic.book_on(story, at, found.patient, day, clinic=found.clinic, referral=referral)
