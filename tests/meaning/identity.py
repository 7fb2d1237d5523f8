"""Root 3: what identifies, and who says so.

Two records are of one thing if they share an identifier that identifies: by its authority, its type
and a value that is no placeholder, in whatever order identifiers are listed. Two things never
become one by an identifier that several of them share.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from feeds import adt, appointment, message, patient, permit, pid, pv1, siu, stamp
from scenario import ANY_ORDER, COARSE, FIRST, PERMUTABLE, Delivery, Root, Row, Scenario

MORNING = FIRST + timedelta(hours=7)
TOMORROW = FIRST + timedelta(days=2, hours=9)
STEP = timedelta(minutes=20)
VARIED = frozenset({ANY_ORDER, COARSE, PERMUTABLE})

QUERY = """
    select left(coalesce(v.appointment_id, v.visit_number, p.mrn), 5) as key, 'visit',
        v.main_state, p.family_name,
        (select count(*) from worklist__appointment_reminders r where r.visit_key = v.visit_key)
    from canonical__visit v left join canonical__patient p using (patient_key)
    where coalesce(v.appointment_id, v.visit_number, p.mrn) like 'ID%'
    union all
    select left(i.identifier_value, 5), 'people', count(distinct p.patient_key), null,
        count(distinct case when p.is_deceased then p.patient_key end)
    from canonical__patient_identifier i join canonical__patient p using (patient_key)
    where i.identifier_value like 'ID%' and p.record_status = 'active' group by 1
    union all
    select left(o.placer_number, 5), 'order', o.status, o.result_status, null
    from canonical__order o where o.placer_number like 'ID%'
"""


def _visit(state: str, family: str = "Moss", reminders: int = 0) -> Row:
    return ("visit", state, family, str(reminders))


def _people(count: int, dead: int = 0) -> Row:
    return ("people", str(count), None, str(dead))


def _adt(*messages: str, day: int = 0) -> Delivery:
    return Delivery(day, "adt_hl7", messages)


def _siu(*messages: str, day: int = 0) -> Delivery:
    return Delivery(day, "scheduling_hl7", messages)


def _person(trigger: str, at: int, who: str, *more: str) -> str:
    """Write an ADT message about a person; `at` counts steps."""
    time = stamp(MORNING + at * STEP)
    return message(f"ADT^{trigger}", time, f"EVN|{trigger}|{time}", who, *more)


def _booking(key: str, who: str, at: int = 0, trigger: str = "S12", **ids: str) -> str:
    return siu(trigger, stamp(MORNING + at * STEP), who, TOMORROW, **{"filler": f"{key}A"} | ids)


def _admission(number: str, who: str, at: int = 0) -> str:
    time = MORNING + at * STEP
    return adt("A01", time, who, pv1(number, "I", f"W{number}^1^A", p44=stamp(time)))


def _two_numbers(random: Random, key: str) -> Scenario:
    """PID-3 lists two numbers; the booking has both, the death is stated under one of them."""
    both = f"{key}P^^^HOSPA^MR~{key}Q^^^HOSPB^MR"
    one = random.choice(both.split("~"))
    dead = _person("A31", 2, pid(one, p29=stamp(MORNING), p30="Y"))
    deliveries = (
        _adt(_person("A28", 0, pid(both)), dead, day=random.randrange(2)),
        _siu(_booking(key, pid(both))),
    )
    rows = (_visit("scheduled"), _people(1, 1))
    return Scenario(key, "two numbers of one person", deliveries, rows, VARIED)


def _two_authorities(random: Random, key: str) -> Scenario:
    """One number of two authorities is two people."""
    kinds = {
        "namespaces": ("HOSPA", "HOSPB"),
        "OIDs": (
            f"&2.16.840.1.113883.19.{key[2:]}.1&ISO",
            f"&2.16.840.1.113883.19.{key[2:]}.2&ISO",
        ),
    }
    kind = random.choice(list(kinds))
    people = [
        pid(f"{key}P^^^{authority}^MR", family=family, birth=birth)
        for authority, family, birth in zip(
            kinds[kind], ("Moss", "Fern"), ("19610101", "19990909"), strict=True
        )
    ]
    messages = [_admission(f"{key}V{number}", who, number) for number, who in enumerate(people)]
    rows = (_visit("admitted", "Moss"), _visit("admitted", "Fern"), _people(2))
    return Scenario(key, f"one number, two {kind}", (_adt(*messages),), rows, VARIED)


def _merges(random: Random, key: str) -> Scenario:
    """A chain of merges: every visit belongs to the last survivor."""
    numbers = [f"{key}{letter}" for letter in "PQR"[: random.choice((2, 3))]]
    birth = random.choice(("19800214", "19800214", "19000101"))
    people = [pid(n, birth=birth if n == numbers[0] else "19800214") for n in numbers]
    people[-1] = pid(numbers[-1], family="Last")
    messages = [
        _admission(f"{n}V", who, at)
        for at, (n, who) in enumerate(zip(numbers, people, strict=True))
    ]
    for at, (prior, who) in enumerate(zip(numbers, people[1:], strict=False), 5):
        messages.append(_person(random.choice(("A40", "A34")), at, who, f"MRG|{prior}^^^HOSP^MR"))
    rows = (*[_visit("admitted", "Last")] * len(numbers), _people(1))
    cut = random.randint(1, len(messages))
    deliveries = tuple(
        _adt(*part, day=day) for day, part in ((0, messages[:cut]), (1, messages[cut:])) if part
    )
    kind = f"{len(numbers) - 1} merges" + (
        ", placeholder birth date" if birth[:4] == "1900" else ""
    )
    return Scenario(key, kind, deliveries, rows, VARIED)


def _enterprise_merge(random: Random, key: str) -> Scenario:
    """The merge names an enterprise number that stood beside the record number."""
    prior = f"{key}P^^^HOSP^MR~{key}E^^^ENT^PI"
    survivor = f"{key}F^^^ENT^PI~{key}Q^^^HOSP^MR"
    messages = (
        _admission(f"{key}V", pid(prior)),
        _person("A31", 1, pid(survivor, family="Last")),
        _person("A40", 2, pid(survivor, family="Last"), f"MRG|{key}E^^^ENT^PI"),
    )
    rows = (_visit("admitted", "Last"), _people(1))
    deliveries = (_adt(*messages, day=random.randrange(2)),)
    return Scenario(key, "merge by enterprise number", deliveries, rows, VARIED)


def _unmerged(random: Random, key: str) -> Scenario:
    """A merge that is taken back: each has the own stay again."""
    one, two = pid(f"{key}P"), pid(f"{key}Q", family="Last")
    messages = [
        _admission(f"{key}V", one),
        _admission(f"{key}W", two, 1),
        _person("A40", 2, two, f"MRG|{key}P^^^HOSP^MR"),
        _person("A37", 3, one, "PV1|1|N", two, "PV1|1|N"),
    ]
    rows = (_visit("admitted", "Moss"), _visit("admitted", "Last"), _people(2))
    cut = random.randint(1, 3)
    deliveries = (_adt(*messages[:cut]), _adt(*messages[cut:], day=1))
    return Scenario(key, "merge taken back", deliveries, rows, VARIED)


def _placeholder(random: Random, key: str) -> Scenario:
    """A placeholder stands beside the number that identifies: it joins nobody."""
    word = random.choice(("UNKNOWN", "0000000000", "999999999", "NONE"))
    births = ("19610101", "19990909")
    people = [
        pid(f"{word}^^^HOSP^MR~{key}{letter}^^^ENT^PI", family=family, birth=birth)
        for letter, family, birth in zip("PQ", ("Moss", "Fern"), births, strict=True)
    ]
    bookings = [_booking(f"{key}{n}", who, n) for n, who in enumerate(people)]
    rows = (_visit("scheduled", "Moss", 1), _visit("scheduled", "Fern", 1), _people(2))
    return Scenario(key, f"placeholder {word}", (_siu(*bookings),), rows, VARIED)


def _placer_then_filler(random: Random, key: str) -> Scenario:
    """The placer's id alone, then both, then the filler's alone: one appointment."""
    ids = [
        {"placer": f"{key}PL^EHR", "filler": ""},
        {"placer": f"{key}PL^EHR", "filler": f"{key}A^SCHED"},
        {"placer": "", "filler": f"{key}A^SCHED"},
    ]
    ends = random.choice(("S15", "S13"))
    triggers = ("S12", "S13", ends)
    messages = [
        _booking(key, pid(f"{key}P"), at, trigger, **own)
        for at, (trigger, own) in enumerate(zip(triggers, ids, strict=True))
    ]
    state = "cancelled" if ends == "S15" else "scheduled"
    rows = (_visit(state, reminders=int(ends == "S13")), _people(1))
    return Scenario(key, f"placer and filler, {ends}", (_siu(*messages),), rows, VARIED)


def _bare_id(random: Random, key: str) -> Scenario:
    """The authority of the appointment's id is left out in one of the messages."""
    with_one = random.randrange(2)
    fillers = [f"{key}A" + ("^SCHED" if number == with_one else "") for number in range(2)]
    messages = [
        _booking(key, pid(f"{key}P"), at, trigger, filler=filler)
        for at, (trigger, filler) in enumerate(zip(("S12", "S15"), fillers, strict=True))
    ]
    rows = (_visit("cancelled"), _people(1))
    return Scenario(key, "appointment id bare", (_siu(*messages),), rows, VARIED)


def _series_number(random: Random, key: str) -> Scenario:
    """The bookings of a series share a visit number and are different appointments."""
    count = random.choice((2, 3))
    messages = [
        siu(
            "S12",
            stamp(MORNING + n * STEP),
            pid(f"{key}P"),
            TOMORROW + timedelta(days=(0, 2, 6)[n]),
            filler=f"{key}A{n}^SCHED",
            visit=f"{key}V",
        )
        for n in range(count)
    ]
    rows = (*[_visit("scheduled", reminders=1)] * count, _people(1))
    return Scenario(key, "series with one visit number", (_siu(*messages),), rows, VARIED)


def _echoed_order(random: Random, key: str) -> Scenario:
    """The laboratory echoes the placer number with or without its namespace."""
    bare, who = random.random() < 0.5, pid(f"{key}P")
    echo = f"{key}PL" + ("" if bare else "^EHR")
    service = "CBC^Blood count^L"
    filler = f"{key}FI^LABCO"
    messages = (
        message(
            "ORM^O01",
            stamp(MORNING),
            who,
            f"ORC|NW|{key}PL^EHR",
            f"OBR|1|{key}PL^EHR||{service}" + "|" * 20 + "LAB",
            sender="ORD",
        ),
        message(
            "ORU^R01",
            stamp(MORNING + STEP),
            who,
            f"ORC|RE|{echo}|{filler}||CM",
            f"OBR|1|{echo}|{filler}|{service}|||{stamp(MORNING)}"
            + "|" * 15
            + f"{stamp(MORNING + STEP)}||LAB|F",
            "OBX|1|NM|WBC^White cells^L||6.1|10*9/L|4-11|N|||F",
            sender="LIS",
        ),
    )
    rows = (("order", "completed", "final", None), _people(1))
    deliveries = (Delivery(0, "orders_hl7", messages),)
    kind = f"order echoed {'bare' if bare else 'in full'}"
    return Scenario(key, kind, deliveries, rows, VARIED)


def _preadmission(random: Random, key: str) -> Scenario:
    """The stay names in PV1-5 the number under which it was planned."""
    who, time = pid(f"{key}P"), MORNING + 2 * STEP
    messages = (
        adt("A05", MORNING, who, pv1(f"{key}PRE", "P", f"W{key}")),
        adt(
            "A01",
            time,
            who,
            pv1(f"{key}V", "I", f"W{key}^1^A", p5=f"{key}PRE^^^HOSP", p44=stamp(time)),
        ),
    )
    rows = (_visit("admitted"), _people(1))
    deliveries = (_adt(*messages, day=random.randrange(2)),)
    return Scenario(key, "planned under another number", deliveries, rows, VARIED)


def _account_only(random: Random, key: str) -> Scenario:
    """Visits are known by their account (PID-18) alone; one of two ends."""
    stay, clinic = (pid(f"{key}P", p18=f"{key}{a}^^^HOSP^AN") for a in "SC")
    at, left = MORNING + STEP, MORNING + 3 * STEP
    messages = [
        adt("A01", MORNING, stay, pv1("", "I", f"W{key}^1^A", p44=stamp(MORNING))),
        adt("A04", at, clinic, pv1("", "O", f"C{key}", p44=stamp(at))),
        adt("A03", left, stay, pv1("", "I", f"W{key}^1^A", p45=stamp(left))),
    ]
    rows = (_visit("discharged"), _visit("arrived"), _people(1))
    deliveries = (_adt(*messages, day=random.randrange(2)),)
    return Scenario(key, "accounts alone", deliveries, rows, VARIED)


def _fhir_series(_random: Random, key: str) -> Scenario:
    """Two appointments share the identifier of their series and differ in their own."""
    lines = [patient(key), permit(key)]
    for number in range(2):
        identifiers = [
            {"system": "urn:site:series", "value": f"{key}S"},
            {"system": "urn:site:appointment", "value": f"{key}A{number}"},
        ]
        start = TOMORROW + timedelta(days=2 * number)
        line = appointment(key, "booked", start, identifier=identifiers)
        lines.append(line.replace('-a"', f'-a{number}"', 1))
    rows = (*[_visit("scheduled", reminders=1)] * 2, _people(1))
    deliveries = (Delivery(0, "ehr_fhir", tuple(lines)),)
    return Scenario(key, "fhir series identifier", deliveries, rows, VARIED)


def _fhir_link(random: Random, key: str) -> Scenario:
    """A record is replaced by another; the link may be taken back the day after."""
    low, back = key.lower(), random.random() < 0.5
    other = f"{low}-s"
    link = [{"other": {"reference": f"Patient/{other}"}, "type": "replaced-by"}]
    if random.random() < 0.5:
        link.insert(0, {"other": {"reference": f"Patient/{low}-x"}, "type": "seealso"})
    survivor = patient(
        key,
        identifier=[{"type": {"coding": [{"code": "MR"}]}, "system": "urn:m", "value": f"{key}Q"}],
        name=[{"use": "official", "family": "Last", "given": ["Bo"]}],
    ).replace(f'"{low}"', f'"{other}"', 1)
    first = (
        patient(key, active=False, link=link),
        survivor,
        permit(key),
        permit(key, patient={"reference": f"Patient/{other}"}).replace("-c", "-d", 1),
        appointment(key, "booked", TOMORROW),
    )
    deliveries = [Delivery(0, "ehr_fhir", first)]
    rows = (_visit("scheduled", "Last", 1), _people(1))
    if back:
        deliveries.append(Delivery(1, "ehr_fhir", (patient(key, active=True), survivor)))
        rows = (_visit("scheduled", "Moss", 1), _people(2))
    kind = "fhir link" + (" taken back" if back else "")
    return Scenario(key, kind, tuple(deliveries), rows, frozenset({PERMUTABLE}))


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _two_numbers,
    _two_authorities,
    _merges,
    _merges,
    _enterprise_merge,
    _unmerged,
    _placeholder,
    _placer_then_filler,
    _bare_id,
    _series_number,
    _echoed_order,
    _preadmission,
    _account_only,
    _fhir_series,
    _fhir_link,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"ID{number:03}") for number in range(count)]


ROOT = Root("identity", scenarios, QUERY)
