"""Root 4: choosing among repetitions.

A repetition is chosen for what it is, not for its place: by use, period, rank and type, and a
coding by whether a map knows it. In every order the same person is reached on the same number.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from feeds import appointment, patient, permit, pid, resource, siu, stamp
from scenario import ANY_ORDER, FIRST, PERMUTABLE, Delivery, Root, Scenario

TOMORROW = FIRST + timedelta(days=2, hours=9)
VARIED = frozenset({ANY_ORDER, PERMUTABLE})
REFERRAL = {"system": "http://snomed.info/sct", "code": "3457005"}
LOCAL = {"system": "urn:oid:1.2.840.114350.1", "code": "8"}

QUERY = """
    select left(r.appt_id, 5) as key, r.first_name, r.channel, r.contact
    from worklist__appointment_reminders r where r.appt_id like 'RE%'
    union all
    select p.mrn, case when f.state in ('closed', 'cancelled') then 'over' else 'open' end, null,
        case when w.referral_key is null then 'off the list' else 'on the list' end
    from canonical__referral_status f join canonical__patient p using (patient_key)
    left join (select distinct referral_key from worklist__referral_followup) w
        on w.referral_key = f.referral_key
    where p.mrn like 'RE%'
"""


def _number(key: str, last: int) -> str:
    return f"+1617{500 + last}0{key[2:]}"


def _written(number: str, random: Random) -> str:
    """Write a number in one of the ways in which people write it."""
    area, exchange, line = number[2:5], number[5:8], number[8:]
    return random.choice(
        (
            number,
            f"({area}) {exchange}-{line}",
            f"+1-{area}-{exchange}-{line}",
            f"tel:+1-{area}-{exchange}-{line}",
        )
    )


def _booked(key: str, *lines: str, **elements: Any) -> tuple[Delivery, ...]:
    """Deliver a booked patient who permits to be contacted."""
    records = (patient(key, **elements), permit(key), appointment(key, "booked", TOMORROW), *lines)
    return (Delivery(0, "ehr_fhir", records),)


ENDED = {"start": "2020-01-01", "end": "2024-12-31"}
FUTURE = {"start": "2027-01-01"}


def _telecom(random: Random, key: str) -> Scenario:
    """Old, ended, future and lower ranked numbers around the one that holds."""
    best = _number(key, 51)
    others: list[dict[str, Any]] = [
        {"system": "phone", "use": "old", "value": _number(key, 52)},
        {"system": "phone", "use": "mobile", "value": _number(key, 53), "period": ENDED},
        {"system": "phone", "use": "mobile", "value": _number(key, 54), "period": FUTURE},
        {"system": "phone", "use": "mobile", "value": _number(key, 55), "rank": 3},
        {"system": "fax", "value": _number(key, 56)},
        {"system": "email", "use": "old", "value": "gone@example.org"},
        {"system": "email", "value": "ada@example.org"},
    ]
    chosen = random.sample(others, random.randint(1, 5))
    telecom = [
        {"system": "phone", "use": "mobile", "value": _written(best, random), "rank": 1},
        *chosen,
    ]
    random.shuffle(telecom)
    deliveries = _booked(key, telecom=telecom)
    return Scenario(key, "fhir telecom", deliveries, (("Ada", "sms", best),), VARIED)


def _nothing_left(random: Random, key: str) -> Scenario:
    """No contact holds: somebody has to find one."""
    telecom: list[dict[str, Any]] = [
        {"system": "phone", "use": "old", "value": _number(key, 52)},
        {"system": "phone", "use": "mobile", "value": _number(key, 53), "period": ENDED},
        {"system": "email", "use": "old", "value": "gone@example.org"},
    ]
    deliveries = _booked(key, telecom=random.sample(telecom, random.randint(1, 3)))
    return Scenario(key, "no contact holds", deliveries, (("Ada", "manual", None),), VARIED)


def _email(random: Random, key: str) -> Scenario:
    """The address that holds, with or without its scheme."""
    value = f"{random.choice(('', 'mailto:'))}{key.lower()}@example.org"
    telecom: list[dict[str, Any]] = [
        {"system": "email", "use": "home", "value": value, "rank": 1},
        {"system": "email", "use": "old", "value": "gone@example.org"},
        {"system": "email", "use": "home", "value": "late@example.org", "period": ENDED},
    ]
    random.shuffle(telecom)
    expected = ("Ada", "email", f"{key.lower()}@example.org")
    return Scenario(key, "fhir email", _booked(key, telecom=telecom), (expected,), VARIED)


def _names(random: Random, key: str) -> Scenario:
    """The name that holds stands among old, maiden and anonymous ones and nicknames."""
    own: dict[str, Any] = {"family": "Moss", "given": ["Carmen"]}
    if random.random() < 0.7:
        own["use"] = "official"
    others: list[dict[str, Any]] = [
        {"use": "old", "family": "Reed", "given": ["Old"]},
        {"use": "maiden", "family": "Reed", "given": ["Maid"]},
        {"use": "anonymous", "given": ["Nobody"]},
        {"use": "official", "family": "Reed", "given": ["Before"], "period": ENDED},
        {"use": "old", "text": "Old Reed"},
    ]
    names = [own, *random.sample(others, random.randint(1, 3))]
    random.shuffle(names)
    expected = ("Carmen", "sms", "+16175550123")
    return Scenario(key, "fhir names", _booked(key, name=names), (expected,), VARIED)


def _v2_names(random: Random, key: str) -> Scenario:
    """PID-5 lists the legal name among aliases, nicknames and former names."""
    others = ["Reed^Al^^^^^A", "Reed^Maid^^^^^M", "Reed^Nick^^^^^N", "Reed^Stage^^^^^S"]
    names = ["Moss^Carmen^^^^^L", *random.sample(others, random.randint(1, 3))]
    random.shuffle(names)
    who = pid(f"{key}P", p5="~".join(names))
    at = stamp(FIRST + timedelta(hours=9))
    message = siu("S12", at, who, TOMORROW, filler=f"{key}A^SCHED")
    deliveries = (Delivery(0, "scheduling_hl7", (message,)),)
    return Scenario(key, "hl7 names", deliveries, (("Carmen", "manual", None),), VARIED)


def _referral_category(random: Random, key: str) -> Scenario:
    """That it is a referral stands in any coding of any category."""
    if random.random() < 0.5:
        category = [{"coding": random.sample([REFERRAL, LOCAL], 2)}]
    else:
        category = random.sample([{"coding": [REFERRAL]}, {"coding": [LOCAL]}], 2)
    line = resource(
        "ServiceRequest",
        f"{key.lower()}-r",
        status="active",
        intent="order",
        category=category,
        subject={"reference": f"Patient/{key.lower()}"},
        authoredOn="2025-12-01T09:00:00-05:00",
    )
    deliveries = (Delivery(0, "ehr_fhir", (patient(key), line)),)
    return Scenario(key, "referral category", deliveries, (("open", None, "on the list"),), VARIED)


def _death(random: Random, key: str) -> Scenario:
    """The disposition says in any of its codings that the patient died: no reminder."""
    codings = [
        {"system": "urn:local:dispo", "code": "D-17"},
        {
            "system": "http://terminology.hl7.org/CodeSystem/discharge-disposition",
            "code": "exp",
        },
    ]
    random.shuffle(codings)
    stay = resource(
        "Encounter",
        f"{key.lower()}-e",
        status="finished",
        subject={"reference": f"Patient/{key.lower()}"},
        period={"start": "2026-01-02T09:00:00-05:00", "end": "2026-01-05T08:00:00-05:00"},
        hospitalization={"dischargeDisposition": {"coding": codings}},
        **{"class": {"code": "IMP"}},
    )
    return Scenario(key, "death in a coding", _booked(key, stay), (), VARIED)


def _test_record(random: Random, key: str) -> Scenario:
    """A record marked as test data (HTEST), among other labels, is nobody's."""
    labels = [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"},
    ]
    random.shuffle(labels)
    deliveries = _booked(key, meta={"security": labels})
    return Scenario(key, "test record", deliveries, (), VARIED)


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _telecom,
    _telecom,
    _nothing_left,
    _email,
    _names,
    _v2_names,
    _referral_category,
    _death,
    _test_record,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"RE{number:03}") for number in range(count)]


ROOT = Root("repetitions", scenarios, QUERY)
