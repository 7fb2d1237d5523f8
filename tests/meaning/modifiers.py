"""Root 5: modifiers and absence.

An element that turns the meaning of another is never overlooked: what must not be done is not
asked for, what was entered in error is not there, and a permission that is conditional is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from feeds import PERMITTED, appointment, instant, patient, permit, resource
from scenario import ANY_ORDER, FIRST, PERMUTABLE, Delivery, Root, Row, Scenario

TOMORROW = FIRST + timedelta(days=2, hours=9)
VARIED = frozenset({ANY_ORDER, PERMUTABLE})
CHANNELS = "http://hl7.org/fhir/contact-point-system"
OPT_OUT = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]
}

QUERY = """
    select left(r.appt_id, 5) as key, 'reminded',
        case when r.channel in ('sms', 'manual') then r.channel else 'other' end
    from worklist__appointment_reminders r where r.appt_id like 'MO%'
    union all
    select p.mrn, 'followed up', null
    from worklist__referral_followup w join canonical__patient p using (patient_key)
    where p.mrn like 'MO%'
    union all
    select left(p.family_name, 5), 'offered', strftime(
        timezone('America/New_York', a.start_at), '%H:%M')
    from canonical__provider_availability a join canonical__practitioner p using (practitioner_key)
    where p.family_name like 'MO%' and a.slot_status = 'free'
"""
SMS = ("reminded", "sms")
MANUAL = ("reminded", "manual")
OTHER = ("reminded", "other")


@dataclass(frozen=True)
class Will:
    """A consent beside the permit of January 2025, and what it leaves of it."""

    kind: str
    elements: dict[str, Any]
    outcome: Row


NEWER = {"dateTime": "2025-12-01T10:00:00Z"}
BY_SMS = [{"coding": [{"system": CHANNELS, "code": "sms"}]}]
WILLS = (
    Will("newer deny", NEWER | {"provision": {"type": "deny"}}, MANUAL),
    Will(
        "older deny",
        {"dateTime": "2024-01-01T10:00:00Z", "provision": {"type": "deny"}},
        SMS,
    ),
    Will(
        "deny in error",
        NEWER | {"status": "entered-in-error", "provision": {"type": "deny"}},
        SMS,
    ),
    Will("opt-out by policy", NEWER | {"policyRule": OPT_OUT, "provision": None}, MANUAL),
    Will(
        "deny that is over",
        NEWER
        | {
            "provision": {
                "type": "deny",
                "period": {"start": "2025-12-01", "end": "2025-12-31"},
            }
        },
        MANUAL,  # decided: a denial counts whatever its period, a call too few does less harm
    ),
    Will(
        "text messages denied within",
        NEWER | {"provision": PERMITTED | {"provision": [{"type": "deny", "code": BY_SMS}]}},
        OTHER,
    ),
)
ALONE = (
    Will("permit", {}, SMS),
    Will("permit in error", {"status": "entered-in-error"}, MANUAL),
    Will("permit proposed", {"status": "proposed"}, MANUAL),
    Will("permit drafted", {"status": "draft"}, MANUAL),
    Will("permit inactive", {"status": "inactive"}, MANUAL),
    Will(
        "permit that is over",
        {"provision": PERMITTED | {"period": {"start": "2025-01-01", "end": "2025-06-30"}}},
        MANUAL,
    ),
    Will(
        "permit of later",
        {"provision": PERMITTED | {"period": {"start": "2027-01-01"}}},
        MANUAL,
    ),
    Will(
        "permit for research alone",
        {"provision": PERMITTED | {"purpose": [{"code": "HRESCH"}]}},
        MANUAL,
    ),
    Will(
        "permit for research and treatment",
        {"provision": PERMITTED | {"purpose": [{"code": "HRESCH"}, {"code": "TREAT"}]}},
        SMS,
    ),
    Will(
        "permit to one organisation",
        {
            "provision": PERMITTED
            | {
                "actor": [
                    {
                        "role": {"coding": [{"code": "PRCP"}]},
                        "reference": {"reference": "Organization/elsewhere"},
                    }
                ]
            }
        },
        MANUAL,
    ),
    Will("no type", {"provision": {"purpose": [{"code": "TREAT"}]}}, MANUAL),
)


def _consent(random: Random, key: str) -> Scenario:
    """A permit, and beside it another consent, or a permit that is less than one."""
    lines = [
        patient(
            key,
            telecom=[
                {"system": "phone", "use": "mobile", "value": "+16175550123"},
                {"system": "email", "value": "ada@example.org"},
            ],
        ),
        appointment(key, "booked", TOMORROW),
    ]
    if random.random() < 0.5:
        will = random.choice(WILLS)
        lines += [permit(key), permit(key, **will.elements).replace("-c", "-d", 1)]
    else:
        will = random.choice(ALONE)
        lines += [permit(key, **will.elements)]
    lines = [line.replace(', "provision": null', "") for line in lines]
    random.shuffle(lines)
    deliveries = (Delivery(0, "ehr_fhir", tuple(lines)),)
    return Scenario(key, f"consent: {will.kind}", deliveries, (will.outcome,), VARIED)


def _referral(random: Random, key: str) -> Scenario:
    """A referral that is wanted, forbidden, in error or only planned."""
    kind, elements, listed = random.choice(
        (
            ("wanted", {}, True),
            ("wanted, said twice", {"doNotPerform": False}, True),
            ("forbidden", {"doNotPerform": True}, False),
            ("in error", {"status": "entered-in-error"}, False),
            ("revoked", {"status": "revoked"}, False),
        )
    )
    usual: dict[str, Any] = {
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
        "subject": {"reference": f"Patient/{key.lower()}"},
        "authoredOn": "2025-12-01T09:00:00-05:00",
    }
    line = resource("ServiceRequest", f"{key.lower()}-r", **usual | elements)
    rows: tuple[Row, ...] = (("followed up", None),) if listed else ()
    deliveries = (Delivery(0, "ehr_fhir", (patient(key), line)),)
    return Scenario(key, f"referral {kind}", deliveries, rows, VARIED)


def _slots(random: Random, key: str) -> Scenario:
    """Slots of a schedule that is in use, or not; a slot in error is none."""
    active = random.choice((None, True, False))
    status = random.choice(("free", "entered-in-error", "busy", "busy-unavailable"))
    name = f"{key}A"
    schedule: dict[str, Any] = {"actor": [{"reference": f"Practitioner/{name.lower()}"}]}
    if active is not None:
        schedule["active"] = active
    lines = [
        resource("Practitioner", name.lower(), name=[{"family": name, "given": ["Ivo"]}]),
        resource("Schedule", f"{key.lower()}-sc", **schedule),
    ]
    for number, state in enumerate(("free", status)):
        start = TOMORROW + timedelta(minutes=30 * number)
        lines.append(
            resource(
                "Slot",
                f"{key.lower()}-s{number}",
                schedule={"reference": f"Schedule/{key.lower()}-sc"},
                status=state,
                start=instant(start),
                end=instant(start + timedelta(minutes=30)),
            )
        )
    offered = ["09:00"] + (["09:30"] if status == "free" else [])
    rows = tuple(("offered", at) for at in offered) if active is not False else ()
    deliveries = (Delivery(0, "ehr_fhir", tuple(lines)),)
    kind = f"schedule {'not in use' if active is False else 'in use'}, slot {status}"
    return Scenario(key, kind, deliveries, rows, VARIED)


def _status(random: Random, key: str) -> Scenario:
    """Only an appointment that is booked is reminded."""
    status = random.choice(
        ("booked", "proposed", "pending", "waitlist", "cancelled", "noshow", "entered-in-error")
    )
    rows: tuple[Row, ...] = (SMS,) if status == "booked" else ()
    lines = (patient(key), permit(key), appointment(key, status, TOMORROW))
    deliveries = (Delivery(0, "ehr_fhir", lines),)
    return Scenario(key, f"appointment {status}", deliveries, rows, VARIED)


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _consent,
    _consent,
    _consent,
    _referral,
    _slots,
    _status,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"MO{number:03}") for number in range(count)]


ROOT = Root("modifiers", scenarios, QUERY)
