"""Root 1: one order of statements.

Statements about one thing apply by the time at which they say it happened and, where the times are
the same as far as they are precise, by their place: the stamp of the version, then the delivery,
the file and the message or line. The last one decides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from feeds import adt, appointment, instant, patient, permit, pid, pv1, resource, siu, stamp
from scenario import (
    ANY_ORDER,
    COARSE,
    FIRST,
    PERMUTABLE,
    UNSTAMPED,
    Delivery,
    Root,
    Row,
    Scenario,
)

TOMORROW = FIRST + timedelta(days=2)
"""The day after the last one that is run: its appointments are reminded."""

QUERY = """
    select v.appointment_id as key, v.main_state,
        strftime(timezone('America/New_York', v.scheduled_start_at), '%d %H:%M'),
        (select count(*) from worklist__appointment_reminders r where r.appt_id = v.appointment_id)
    from canonical__visit v where v.appointment_id like 'OR%'
    union all
    select v.visit_number, v.main_state, b.bed_label, null
    from canonical__visit v left join canonical__bed b using (bed_key)
    where v.visit_number like 'OR%'
    union all
    select p.mrn, f.state, null, (
        select count(*) from worklist__referral_followup w where w.referral_key = f.referral_key)
    from canonical__referral_status f join canonical__patient p using (patient_key)
    where p.mrn like 'OR%'
"""


@dataclass(frozen=True)
class Booking:
    """What one statement says of an appointment."""

    trigger: str
    start: datetime

    @property
    def state(self) -> str:
        """Say where the appointment stands if this is the last statement."""
        return {"S15": "cancelled", "S26": "no_show"}.get(self.trigger, "scheduled")

    @property
    def status(self) -> str:
        """Return the FHIR status of the same."""
        return {"S15": "cancelled", "S26": "noshow"}.get(self.trigger, "booked")

    def row(self) -> Row:
        """Return the expected row."""
        booked = self.state == "scheduled"
        return (self.state, self.start.strftime("%d %H:%M"), str(int(booked)))


FOLLOWS = {
    "S12": ("S13", "S15", "S26"),
    "S13": ("S13", "S15", "S26"),
    "S15": ("S12",),
    "S26": ("S13",),
}
"""What may follow which statement without a question of judgement."""


def _history(random: Random, most: int = 4) -> list[Booking]:
    """Make a history of an appointment tomorrow."""
    history = [Booking("S12", TOMORROW + timedelta(hours=8))]
    for _ in range(random.randint(1, most)):
        trigger, start = random.choice(FOLLOWS[history[-1].trigger]), history[-1].start
        if trigger in ("S12", "S13"):
            start = TOMORROW + timedelta(hours=8, minutes=5 * random.randrange(100))
        history.append(Booking(trigger, start))
    return history


def _split(random: Random, records: list[str], source: str) -> tuple[Delivery, ...]:
    """Split records over the two days, in their order."""
    cut = random.randint(1, len(records))
    days = ((0, records[:cut]), (1, records[cut:]))
    return tuple(Delivery(day, source, tuple(part)) for day, part in days if part)


def _messages(key: str, history: list[Booking], times: list[str]) -> list[str]:
    return [
        siu(b.trigger, at, pid(f"{key}P"), b.start, filler=f"{key}^SCHED")
        for b, at in zip(history, times, strict=True)
    ]


def _timed_bookings(random: Random, key: str) -> Scenario:
    """Every message has its second: any order of delivery does."""
    history, at = _history(random), FIRST + timedelta(hours=9)
    times = [stamp(at + timedelta(seconds=17 * number)) for number in range(len(history))]
    deliveries = _split(random, _messages(key, history, times), "scheduling_hl7")
    may = frozenset({ANY_ORDER, PERMUTABLE})
    return Scenario(key, "hl7 seconds", deliveries, (history[-1].row(),), may)


def _slow_bookings(random: Random, key: str) -> Scenario:
    """The messages are minutes apart: nothing is lost by a time to the minute."""
    history, at = _history(random), FIRST + timedelta(hours=9)
    times = [stamp(at + timedelta(minutes=5 * number)) for number in range(len(history))]
    deliveries = _split(random, _messages(key, history, times), "scheduling_hl7")
    may = frozenset({ANY_ORDER, PERMUTABLE, COARSE})
    return Scenario(key, "hl7 minutes", deliveries, (history[-1].row(),), may)


def _untimed_bookings(random: Random, key: str) -> Scenario:
    """The message times are equal, of mixed precision or no times: the place decides."""
    history, kind = _history(random), random.choice(("equal", "mixed", "none"))
    at = FIRST + timedelta(hours=9, minutes=10)
    times = [stamp(at, 12)] * len(history)
    if kind == "mixed":
        times[random.randrange(len(times))] += f"{random.randrange(60):02}"
    if kind == "none":
        times = [random.choice(("", "2026010509100000"))] * len(history)
    deliveries = _split(random, _messages(key, history, times), "scheduling_hl7")
    return Scenario(
        key, f"hl7 {kind} times", deliveries, (history[-1].row(),), frozenset({PERMUTABLE})
    )


def _moves(random: Random, key: str) -> Scenario:
    """Moves of an inpatient within a minute: the place in the file decides."""
    beds = [f"W{key}^R1^{bed}" for bed in random.sample("ABCDEF", random.randint(2, 4))]
    at, digits = FIRST + timedelta(hours=9), random.choice((12, 14))
    messages = [
        adt(
            "A02" if number else "A01",
            at,
            pid(f"{key}P"),
            pv1(key, bed=bed, p6=beds[number - 1] if number else "", p44=stamp(at, digits)),
            digits=digits,
        )
        for number, bed in enumerate(beds)
    ]
    expected = ("admitted", beds[-1].replace("^", "-"), None)
    deliveries = _split(random, messages, "adt_hl7")
    return Scenario(key, "hl7 moves in a minute", deliveries, (expected,), frozenset({PERMUTABLE}))


def _late_moves(random: Random, key: str) -> Scenario:
    """Moves that happened minutes apart (EVN-6) and were sent in any order."""
    beds = [f"W{key}^R1^{bed}" for bed in random.sample("ABCDEF", random.randint(2, 4))]
    start, sent = FIRST + timedelta(hours=9), FIRST + timedelta(hours=13)
    messages = [
        adt(
            "A02" if number else "A01",
            sent,
            pid(f"{key}P"),
            pv1(key, bed=bed, p6=beds[number - 1] if number else "", p44=stamp(start)),
            evn=stamp(start + timedelta(minutes=7 * number)),
        )
        for number, bed in enumerate(beds)
    ]
    expected = ("admitted", beds[-1].replace("^", "-"), None)
    may = frozenset({ANY_ORDER, PERMUTABLE, COARSE})
    deliveries = _split(random, messages, "adt_hl7")
    return Scenario(key, "hl7 moves sent late", deliveries, (expected,), may)


def _versions(random: Random, key: str) -> Scenario:
    """An appointment as each full pull shows it, with stamps, some of them or none."""
    history = _history(random, most=1)
    kind = random.choice(("lastUpdated", "versionId", "both", "none"))
    lines = []
    for number, booking in enumerate(history):
        at = FIRST + timedelta(days=number, hours=1)
        meta = {"lastUpdated": instant(at), "versionId": str(9 + number)}
        kept = {"both": list(meta), "none": []}.get(kind, [kind])
        stamps = {name: meta[name] for name in kept}
        lines.append(appointment(key, booking.status, booking.start, meta=stamps or None))
    deliveries = tuple(
        Delivery(day, "ehr_fhir", (patient(key), permit(key), line))
        for day, line in enumerate(lines)
    )
    may = {PERMUTABLE, UNSTAMPED} | ({ANY_ORDER} if kind in ("lastUpdated", "both") else set())
    return Scenario(
        key, f"fhir versions, stamp {kind}", deliveries, (history[-1].row(),), frozenset(may)
    )


def _stale_version(random: Random, key: str) -> Scenario:
    """An older version comes a day later: its stamp says that it is older."""
    history = _history(random, most=1)
    lines = [
        appointment(
            key,
            booking.status,
            booking.start,
            meta={"lastUpdated": instant(FIRST + timedelta(hours=number))},
        )
        for number, booking in enumerate(history)
    ]
    deliveries = (
        Delivery(0, "ehr_fhir", (patient(key), permit(key), lines[1])),
        Delivery(1, "ehr_fhir", (lines[0],)),
    )
    may = frozenset({ANY_ORDER, PERMUTABLE})
    return Scenario(key, "fhir stale version", deliveries, (history[-1].row(),), may)


def _first_seen_referral(random: Random, key: str) -> Scenario:
    """The first version seen of a referral is no creation: what is over is not followed up."""
    status, state, listed = random.choice(
        (
            ("completed", "closed", 0),
            ("revoked", "cancelled", 0),
            ("active", "created", 1),
        )
    )
    line = resource(
        "ServiceRequest",
        f"{key.lower()}-r",
        status=status,
        intent="order",
        category=[{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
        subject={"reference": f"Patient/{key.lower()}"},
        authoredOn="2025-12-01T09:00:00-05:00",
    )
    deliveries = (Delivery(random.randrange(2), "ehr_fhir", (patient(key), line)),)
    may = frozenset({ANY_ORDER, PERMUTABLE})
    return Scenario(
        key, f"fhir referral first {status}", deliveries, ((state, None, str(listed)),), may
    )


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _timed_bookings,
    _slow_bookings,
    _untimed_bookings,
    _moves,
    _late_moves,
    _versions,
    _stale_version,
    _first_seen_referral,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return list(_made(random, count))


def _made(random: Random, count: int) -> Iterator[Scenario]:
    for number in range(count):
        yield KINDS[number % len(KINDS)](random, f"OR{number:03}")


ROOT = Root("order", scenarios, QUERY)
