"""What becomes known of patients beside visits and orders, and when.

A fact follows an event of the story: who registers is asked for a cover and for allergies, who
leaves the hospital takes a prescription along. `follow` is a listener that plans these steps.
Each kind of fact draws from a stream of its own, so that none changes who comes and when.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.fact_records import (
    Acuity,
    Allergy,
    Authorisation,
    Fact,
    Insurance,
    IntakeForm,
    Notice,
    Prescription,
    Reply,
    Review,
)
from lakeward.simulator.story import Story

AGAIN = "again"
"""Code of a registration of somebody who is registered already: in a hurry, nothing is asked."""
_INSURED, _OVER, _CALLED_OFF = 0.85, 0.1, 0.05
"""Shares of people with a cover, and of covers that are over or were called off."""
_PLANS = (("PPO", 4), ("HMO", 3), ("MCPOL", 2), ("SUBSIDIZ", 1))
_VERIFIED = 0.2
"""Share of bookings for which the desk asks the payer whether the cover is in force."""
_ELIGIBILITY = (("true", 8), ("false", 1), ("queued", 1))
_AUTHORISED = 0.7
"""Share of accepted referrals for which the payer's authorisation is asked."""
_DECISIONS = (("A1", 7), ("A2", 1), ("A3", 1), ("A4", 2))
_AUTHORISED_DAYS, _UNITS = 90, (1, 2, 3, 6)
_ALLERGIC, _SECOND_ALLERGY, _OUTGROWN = 0.3, 0.3, 0.15
# RxNorm and SNOMED codes with type, category, criticality and the severity of the reaction
_SUBSTANCES = (
    (("7980", "Penicillin G"), "allergy", "medication", "high", "severe"),
    (("10831", "Sulfamethoxazole / Trimethoprim"), "allergy", "medication", "low", "moderate"),
    (("1191", "Aspirin"), "intolerance", "medication", "low", "mild"),
    (("91935009", "Allergy to peanut"), "allergy", "food", "high", "severe"),
    (("300916003", "Latex allergy"), "allergy", "environment", "low", "moderate"),
)
_PRESCRIBED = {"EMER": 0.4, "IMP": 0.7, "AMB": 0.12}
"""By class of the visit, the share of those who leave with a prescription."""
_DRUGS = (
    ("197361", "Amlodipine 5 MG Oral Tablet"),
    ("314076", "Lisinopril 10 MG Oral Tablet"),
    ("310965", "Ibuprofen 200 MG Oral Tablet"),
    ("308182", "Amoxicillin 250 MG Oral Capsule"),
)
_STOPPED, _TAKEN_DAYS = 0.3, 365
_ACUITY = (("1", 1), ("2", 15), ("3", 50), ("4", 25), ("5", 9))
_REVIEWED = 0.7
"""Share of results that their orderer reviews, within two days."""
_ASKED_TO_FILL, _UNFINISHED, _FINISHED_LATER = 0.6, 0.3, 0.5
"""Shares of visits with a form, of forms that are begun only, and of those that are completed."""
_FORMS = ("Questionnaire/registration", "Questionnaire/medical-history")
_NOTICED, _NOT_SENT = 0.2, 0.1
"""Shares of bookings that are confirmed by mail or text, and of messages that did not go out."""
_REPLIES = {"accepted": 0.6, "declined": 0.7, "tentative": 0.05}
"""Shares of confirmations, cancellations and bookings that the patient answers in the portal."""
_BY_PATIENT = "pat"
_HOME = "01"
_MINUTE = 60


def follow(story: Story, event: Event) -> None:
    """Plan the facts that become known after an event."""
    for learn in _LEARNT.get(event.kind, ()):
        learn(story, event)


def _chosen(rng: Random, choices: tuple[tuple[str, float], ...]) -> str:
    values, weights = zip(*choices, strict=True)
    return str(rng.choices(values, weights)[0])


def _after(rng: Random, at: datetime, low: float, high: float) -> datetime:
    """Return an instant `low` to `high` minutes after `at`, to the second."""
    return at + timedelta(seconds=round(rng.uniform(low, high) * _MINUTE))


def _state(story: Story, at: datetime, fact: Fact) -> None:
    facts = {"patient": fact.patient, "code": fact.id}
    story.emit(EventKind.FACT_STATED, at, **facts, created=fact)


def _change(story: Story, at: datetime, fact: str, attribute: str, value: str) -> None:
    found = story.world.facts[fact]
    keys = {"patient": found.patient, "code": fact}
    story.emit(EventKind.FACT_CHANGED, at, **keys, changes=((attribute, value),))


def _insure(story: Story, event: Event) -> None:
    """Ask who registers for a cover."""
    rng = story.stream("coverage")
    if event.code == AGAIN or rng.random() >= _INSURED:
        return
    number = story.serial("coverage", 300001)
    begins = story.start.replace(year=story.start.year - 2, month=rng.randint(1, 12), day=1)
    last = story.start.replace(year=story.start.year - 1, month=12, day=31)
    cover = Insurance(
        id=f"cov-{number}",
        patient=event.patient,
        payer=rng.choice(story.world.hospital.payers),
        plan=_chosen(rng, _PLANS),
        member=f"M{number}",
        begins=story.clock.at(begins),
        ends=story.clock.at(last, 24 * _MINUTE - 1) if rng.random() < _OVER else None,
        status="cancelled" if rng.random() < _CALLED_OFF else "active",
    )
    story.world.covers[event.patient] = cover.id
    story.plan(_after(rng, event.at, 1, 5), _state, cover)


def _verify(story: Story, event: Event) -> None:
    """Ask the payer whether the cover of who books is in force."""
    rng = story.stream("eligibility")
    cover = story.world.covers.get(story.world.person(event.patient).id)
    if rng.random() < _VERIFIED and cover:
        answer = _chosen(rng, _ELIGIBILITY)
        story.plan(_after(rng, event.at, 5, 90), _change, cover, "in_force", answer)


def _authorise(story: Story, event: Event) -> None:
    """Ask the payer to allow what a referral is for; a decision may take days."""
    rng = story.stream("authorisation")
    referral = story.world.referrals[event.referral]
    cover = story.world.covers.get(story.world.person(event.patient).id)
    if rng.random() >= _AUTHORISED or not cover:
        return
    number = story.serial("authorisation", 400001)
    asked = _after(rng, event.at, 10, 200)
    begins = story.clock.day(asked)
    found = Authorisation(
        id=f"auth-{number}",
        patient=event.patient,
        number=f"PA{number}",
        payer=story.world.hospital.payers[0],
        service=referral.clinic,
        units=rng.choice(_UNITS),
        begins=story.clock.at(begins),
        ends=story.clock.at(begins + timedelta(days=_AUTHORISED_DAYS), 24 * _MINUTE - 1),
    )
    insurance = story.world.facts[cover]
    if isinstance(insurance, Insurance):
        found.payer = insurance.payer
    story.plan(asked, _state, found)
    decision = _chosen(rng, _DECISIONS)
    if decision != found.decision:
        story.plan(_after(rng, asked, 200, 4000), _change, found.id, "decision", decision)


def _allergies(story: Story, event: Event) -> None:
    """Ask who registers for allergies; some are outgrown and said so later."""
    rng = story.stream("allergy")
    if event.code == AGAIN or rng.random() >= _ALLERGIC:
        return
    known = rng.sample(_SUBSTANCES, 2 if rng.random() < _SECOND_ALLERGY else 1)
    for substance, kind, category, criticality, severity in known:
        allergy = Allergy(
            id=f"alg-{story.serial('allergy', 100001)}",
            patient=event.patient,
            substance=substance,
            type=kind,
            category=category,
            criticality=criticality,
            severity=severity,
            verification=rng.choice(("confirmed", "unconfirmed")),
        )
        noted = _after(rng, event.at, 5, 30)
        story.plan(noted, _state, allergy)
        if rng.random() < _OUTGROWN:
            days = rng.uniform(20, 400) * 24 * _MINUTE
            story.plan(_after(rng, noted, days, days), _change, allergy.id, "status", "resolved")


def _prescribe(story: Story, event: Event) -> None:
    """Let who goes home take a prescription along; some are stopped within days."""
    rng = story.stream("medication")
    visit = story.world.visits[event.visit]
    if event.code != _HOME or rng.random() >= _PRESCRIBED[visit.klass]:
        return
    drug = Prescription(
        id=f"rx-{story.serial('prescription', 150001)}",
        patient=event.patient,
        visit=visit.id,
        practitioner=visit.practitioner,
        drug=rng.choice(_DRUGS),
        ends=event.at + timedelta(days=_TAKEN_DAYS),
    )
    story.plan(event.at, _state, drug)
    if rng.random() < _STOPPED:
        end = _after(rng, event.at, 1000, 20000)
        story.plan(end, _change, drug.id, "status", rng.choice(("stopped", "completed")))


def _triage(story: Story, event: Event) -> None:
    """Rate how urgent a visit is."""
    visit = story.world.visits[event.visit]
    level = _chosen(story.stream("acuity"), _ACUITY)
    acuity = Acuity(id=f"esi-{visit.id}", patient=visit.patient, visit=visit.id, level=level)
    story.plan(event.at, _state, acuity)


def _review(story: Story, event: Event) -> None:
    """Let the clinician who ordered a test look at its result."""
    rng = story.stream("review")
    order = story.world.orders[event.order]
    if rng.random() < _REVIEWED:
        found = Review(
            id=f"seen-{order.id}",
            patient=order.patient,
            order=order.id,
            reviewer=order.practitioner,
        )
        story.plan(_after(rng, event.at, 10, 2 * 24 * _MINUTE), _state, found)


def _fill(story: Story, event: Event) -> None:
    """Let who checks in fill in a form."""
    rng = story.stream("intake")
    if rng.random() >= _ASKED_TO_FILL:
        return
    unfinished = rng.random() < _UNFINISHED
    form = IntakeForm(
        id=f"form-{story.serial('form', 350001)}",
        patient=event.patient,
        visit=event.visit,
        form=rng.choice(_FORMS),
        status="in-progress" if unfinished else "completed",
    )
    filled = _after(rng, event.at, 1, 8)
    story.plan(filled, _state, form)
    if unfinished and rng.random() < _FINISHED_LATER:
        story.plan(_after(rng, filled, 5, 30), _change, form.id, "status", "completed")


def _notify(story: Story, event: Event) -> None:
    """Send the patient a message that the appointment is booked."""
    rng = story.stream("communication")
    person = story.world.people[event.patient]
    if rng.random() >= _NOTICED or not (person.email or person.phone_mobile):
        return
    sent = _after(rng, event.at, 1, 10)
    notice = Notice(
        id=f"note-{event.appointment}",
        patient=event.patient,
        appointment=event.appointment,
        medium="EMAILWRIT" if person.email else "SMSWRIT",
    )
    if rng.random() < _NOT_SENT:
        notice.status, notice.reason = "not-done", "system-error"
    else:
        notice.received_at = _after(rng, sent, 0.1, 2)
    story.plan(sent, _state, notice)


def _reply(story: Story, event: Event, answer: str) -> None:
    rng = story.stream("reply")
    if rng.random() < _REPLIES[answer]:
        reply = Reply(
            id=f"reply-{event.appointment}",
            patient=event.patient,
            appointment=event.appointment,
            answer=answer,
        )
        story.plan(event.at, _answer, reply)


def _answer(story: Story, at: datetime, reply: Reply) -> None:
    if reply.id in story.world.facts:
        _change(story, at, reply.id, "answer", reply.answer)
    else:
        _state(story, at, reply)


def _hesitate(story: Story, event: Event) -> None:
    _reply(story, event, "tentative")


def _accept(story: Story, event: Event) -> None:
    _reply(story, event, "accepted")


def _decline(story: Story, event: Event) -> None:
    if event.code == _BY_PATIENT:
        _reply(story, event, "declined")


_LEARNT: dict[EventKind, tuple[Callable[[Story, Event], None], ...]] = {
    EventKind.PERSON_REGISTERED: (_insure, _allergies),
    EventKind.APPOINTMENT_BOOKED: (_verify, _notify, _hesitate),
    EventKind.APPOINTMENT_CONFIRMED: (_accept,),
    EventKind.APPOINTMENT_CANCELLED: (_decline,),
    EventKind.CHECKED_IN: (_fill,),
    EventKind.REFERRAL_ACCEPTED: (_authorise,),
    EventKind.TRIAGED: (_triage,),
    EventKind.ORDER_RESULTED: (_review,),
    EventKind.DEPARTED: (_prescribe,),
}
