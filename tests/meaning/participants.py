"""Root 6: more than one.

Every participant, resource and slot has its row: each patient of a group visit is reminded, each
clinician is busy at the own time, each slot of a long booking is taken.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from feeds import appointment, instant, message, patient, permit, pid, pv1, resource, stamp
from scenario import ANY_ORDER, FIRST, PERMUTABLE, Delivery, Root, Row, Scenario

SENT = FIRST + timedelta(hours=9)
TOMORROW = FIRST + timedelta(days=2, hours=8)
VARIED = frozenset({ANY_ORDER, PERMUTABLE})
HALF = timedelta(minutes=30)

QUERY = """
    select left(r.appt_id, 5) as key, 'reminded', r.first_name, r.local_time, null
    from worklist__appointment_reminders r where r.appt_id like 'PA%'
    union all
    select left(p.family_name, 5),
        case when a.slot_status like 'busy%' then 'busy' else a.slot_status end, p.family_name,
        strftime(timezone('America/New_York', a.start_at), '%H:%M'),
        strftime(timezone('America/New_York', a.end_at), '%H:%M')
    from canonical__provider_availability a join canonical__practitioner p using (practitioner_key)
    where p.family_name like 'PA%'
"""


def _busy(name: str, start: datetime, end: datetime, status: str = "busy") -> Row:
    return (status, name, start.strftime("%H:%M"), end.strftime("%H:%M"))


def _fhir_group(random: Random, key: str) -> Scenario:
    """A group visit: all patients of one appointment."""
    names = ["Ann", "Bea", "Cid", "Dov"][: random.randint(2, 4)]
    lines, participants = [], []
    for name in names:
        one = f"{key}{name}"
        lines += [patient(one, name=[{"use": "official", "family": "Moss", "given": [name]}])]
        lines += [permit(one)]
        actor = {"actor": {"reference": f"Patient/{one.lower()}"}, "status": "accepted"}
        participants.append(actor)
    random.shuffle(participants)
    lines.append(appointment(key, "booked", TOMORROW, participant=participants))
    rows = tuple(("reminded", name, "08:00", None) for name in names)
    return Scenario(key, "fhir group", (Delivery(0, "ehr_fhir", tuple(lines)),), rows, VARIED)


def _v2_group(random: Random, key: str) -> Scenario:
    """A group visit: a PID and a PV1 for each patient."""
    names = ["Ann", "Bea", "Cid", "Dov"][: random.randint(2, 4)]
    fields = ["SCH", "", f"{key}A^SCHED", *[""] * 4, "CHK^Check", "FUP^Follow up", "30", "MIN"]
    fields += [f"^^30^{stamp(TOMORROW)}", *[""] * 13, "Booked"]
    people = [
        segment
        for name in names
        for segment in (
            pid(f"{key}{name}^^^HOSP^MR", p5=f"Moss^{name}"),
            pv1(f"{key}{name}", "O", "GRP^^^HOSP"),
        )
    ]
    one = message(
        "SIU^S12", stamp(SENT), "|".join(fields), *people, "RGS|1|A", "AIS|1|A|FUP^Follow up"
    )
    rows = tuple(("reminded", name, "08:00", None) for name in names)
    deliveries = (Delivery(0, "scheduling_hl7", (one,)),)
    return Scenario(key, "hl7 group", deliveries, rows, VARIED)


def _clinicians(random: Random, key: str) -> Scenario:
    """Clinicians one after the other, each in a resource group, or all in one group."""
    count, apart = random.choice((2, 3)), random.random() < 0.5
    fields = ["SCH", "", f"{key}A^SCHED", *[""] * 4, "CHK^Check", "FUP^Follow up"]
    fields += [str(30 * count), "MIN", f"^^{30 * count}^{stamp(TOMORROW)}", *[""] * 13, "Booked"]
    segments, rows = ["RGS|1|A"], []
    for number in range(count):
        start, name = TOMORROW + number * HALF, f"{key}{'ABC'[number]}"
        if apart and number:
            segments.append(f"RGS|{number + 1}|A")
        segments.append(
            f"AIP|{1 if apart else number + 1}|A|{name}^{name}^Ivo|||{stamp(start)}|||30|MIN"
        )
        rows.append(_busy(name, start, start + HALF))
    one = message("SIU^S12", stamp(SENT), "|".join(fields), pid(f"{key}P"), *segments)
    reminded = ("reminded", "Ada", "08:00", None)
    kind = f"clinicians in {'groups' if apart else 'one group'}"
    deliveries = (Delivery(0, "scheduling_hl7", (one,)),)
    return Scenario(key, kind, deliveries, (*rows, reminded), VARIED)


def _block(random: Random, key: str) -> Scenario:
    """Time that is blocked for several clinicians, as AIP-6 and AIP-9 say."""
    count, hours = random.choice((1, 2)), random.choice((1, 4))
    names = [f"{key}{'AB'[number]}" for number in range(count)]
    people = [
        f"AIP|{number}|A|{name}^{name}^Ivo|||{stamp(TOMORROW)}|||{hours}|HR"
        if random.random() < 0.3
        else f"AIP|{number}|A|{name}^{name}^Ivo|||{stamp(TOMORROW)}|||{60 * hours}|MIN"
        for number, name in enumerate(names, 1)
    ]
    header = f"SCH||{key}B^SCHED||||VAC^Vacation|||||||||||||||||||Blocked"
    one = message("SIU^S23", stamp(SENT), header, "RGS|1|A", *people)
    rows = tuple(_busy(name, TOMORROW, TOMORROW + timedelta(hours=hours)) for name in names)
    deliveries = (Delivery(0, "scheduling_hl7", (one,)),)
    return Scenario(key, "time blocked", deliveries, rows, VARIED)


def _slot(key: str, number: int, start: datetime, end: datetime, status: str = "free") -> str:
    return resource(
        "Slot",
        f"{key.lower()}-s{number}",
        schedule={"reference": f"Schedule/{key.lower()}-sc"},
        status=status,
        start=instant(start),
        end=instant(end),
    )


def _practitioner(name: str) -> str:
    return resource("Practitioner", name.lower(), name=[{"family": name, "given": ["Ivo"]}])


def _schedule_of_two(random: Random, key: str) -> Scenario:
    """A schedule names two practitioners: each has the slot."""
    names = [f"{key}A", f"{key}B"]
    actors: list[dict[str, Any]] = [{"reference": f"Practitioner/{n.lower()}"} for n in names]
    actors.append({"reference": f"Location/{key.lower()}-room"})
    random.shuffle(actors)
    lines = (
        *map(_practitioner, names),
        resource("Schedule", f"{key.lower()}-sc", actor=actors),
        _slot(key, 0, TOMORROW, TOMORROW + HALF),
    )
    rows = tuple(_busy(name, TOMORROW, TOMORROW + HALF, "free") for name in names)
    return Scenario(key, "schedule of two", (Delivery(0, "ehr_fhir", lines),), rows, VARIED)


def _long_booking(random: Random, key: str) -> Scenario:
    """A booking over several slots that are said to be free: none of them is."""
    count, name = random.choice((2, 3)), f"{key}A"
    actor = {"actor": {"reference": f"Practitioner/{name.lower()}"}, "status": "accepted"}
    who = {"actor": {"reference": f"Patient/{key.lower()}"}, "status": "accepted"}
    lines = [
        patient(key),
        permit(key),
        _practitioner(name),
        resource(
            "Schedule",
            f"{key.lower()}-sc",
            actor=[{"reference": f"Practitioner/{name.lower()}"}],
        ),
        *(_slot(key, n, TOMORROW + n * HALF, TOMORROW + (n + 1) * HALF) for n in range(count + 1)),
        appointment(
            key,
            "booked",
            TOMORROW,
            minutesDuration=30 * count,
            end=instant(TOMORROW + count * HALF),
            participant=random.sample([actor, who], 2),
        ),
    ]
    rows: list[Row] = [
        _busy(name, TOMORROW + n * HALF, TOMORROW + (n + 1) * HALF) for n in range(count)
    ]
    end = TOMORROW + count * HALF
    rows += [_busy(name, end, end + HALF, "free"), ("reminded", "Ada", "08:00", None)]
    deliveries = (Delivery(0, "ehr_fhir", tuple(lines)),)
    return Scenario(key, "booking over slots", deliveries, tuple(rows), VARIED)


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _fhir_group,
    _v2_group,
    _clinicians,
    _block,
    _schedule_of_two,
    _long_booking,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"PA{number:03}") for number in range(count)]


ROOT = Root("participants", scenarios, QUERY)
