"""The fixed part of the hospital: locations, clinicians, organizations; drawn once, from a seed.

LKWD                      the facility
  ED                      10 bays for each 400 patients
  MED, SURG, TELE, ICU    wards: 40 beds for each 400 patients
  CARD, ORTH, ...         clinics: one exam room for each clinician
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from random import Random

from lakeward.simulator import names
from lakeward.simulator.hospital_records import Location, Organization, Practitioner

FACILITY = "LKWD"
ED = "ED"
EVS = "org-evs"
TRANSPORT = "org-transport"
# code, name, rooms for each 400 patients, beds in a room
WARDS = (
    ("MED", "Medicine", 6, 2),
    ("SURG", "Surgery", 6, 2),
    ("TELE", "Telemetry", 5, 2),
    ("ICU", "Intensive Care", 6, 1),
)
CLINICS = {
    "CARD": "Cardiology",
    "ORTH": "Orthopedics",
    "PRIM": "Primary Care",
    "DERM": "Dermatology",
    "ENT": "Ear, Nose & Throat",
}
REFERRERS = "REF"
"""Unit of the clinicians outside who refer patients."""
# SNOMED CT: what the clinicians of each unit practise
SPECIALTIES = {
    "CARD": ("394579002", "Cardiology"),
    "ORTH": ("394801008", "Trauma and orthopedics"),
    "PRIM": ("394814009", "General practice"),
    "DERM": ("394582007", "Dermatology"),
    "ENT": ("418960008", "Otolaryngology"),
    "ED": ("773568002", "Emergency medicine"),
    "MED": ("419192003", "Internal medicine"),
    "SURG": ("394609007", "General surgery"),
    "TELE": ("394579002", "Cardiology"),
    "ICU": ("408478003", "Critical care medicine"),
    "REF": ("394814009", "General practice"),
}
_PRACTICES = ("Harbor & Hill Family Practice", "Saint Anne's Medical Group", "Mill Lane Pediatrics")
_PAYERS = ("Lakeshore Health Plan", "Empire Mutual", "Valley Benefit Fund")
_PATIENTS_PER_BLOCK = 400
_PATIENTS_PER_CLINICIAN = 50
_ED_BAYS = 10


@dataclass(frozen=True)
class Hospital:
    """Locations and clinicians by id, and the lists that the story draws from."""

    locations: dict[str, Location]
    practitioners: dict[str, Practitioner]
    organizations: dict[str, Organization]
    staff: dict[str, tuple[Practitioner, ...]]
    ward_beds: tuple[str, ...]
    ed_bays: tuple[str, ...]
    practices: tuple[str, ...]
    payers: tuple[str, ...]


def build_hospital(rng: Random, patients: int) -> Hospital:
    """Draw a hospital that is large enough for `patients` people."""
    organizations = {o.id: o for o in _organizations()}
    practices = tuple(i for i, o in organizations.items() if o.code == "practice")
    staff = _staff(rng, patients)
    locations = {p.id: p for p in _locations(max(1, ceil(patients / _PATIENTS_PER_BLOCK)), staff)}
    beds = [p for p in locations.values() if p.bed]
    return Hospital(
        locations=locations,
        practitioners={p.id: p for team in staff.values() for p in team},
        organizations=organizations,
        staff=staff,
        ward_beds=tuple(b.id for b in beds if b.unit != ED),
        ed_bays=tuple(b.id for b in beds if b.unit == ED),
        practices=practices,
        payers=tuple(i for i, o in organizations.items() if o.code == "payer"),
    )


def _organizations() -> Iterator[Organization]:
    phone = "+17165550100"
    yield Organization(id="org-lkwd", name="Lakeward Demo Hospital", code="prov", phone=phone)
    yield Organization(id=EVS, name="Environmental Services", code="team")
    yield Organization(id=TRANSPORT, name="Patient Transport", code="team")
    for number, name in enumerate(_PRACTICES, 1):
        phone = f"+1585555{number + 110:04d}"
        yield Organization(id=f"org-ref{number}", name=name, code="practice", phone=phone)
    for number, name in enumerate(_PAYERS, 1):
        yield Organization(id=f"org-pay{number}", name=name, code="payer")


def _staff(rng: Random, patients: int) -> dict[str, tuple[Practitioner, ...]]:
    clinicians = max(len(CLINICS), patients // _PATIENTS_PER_CLINICIAN)
    sizes = dict.fromkeys(CLINICS, 0)
    # one by one over the clinics, so that even the smallest hospital has somebody in each
    for index in range(clinicians):
        sizes[list(CLINICS)[index % len(CLINICS)]] += 1
    # wards and practices do not grow with the hospital: their staff only signs orders and referrals
    sizes |= {ED: 3, **{code: 2 for code, *_ in WARDS}, REFERRERS: 2 * len(_PRACTICES)}
    number = 0
    staff: dict[str, tuple[Practitioner, ...]] = {}
    for unit, size in sizes.items():
        team = []
        for position in range(1, size + 1):
            number += 1
            team.append(_practitioner(rng, number, unit, position))
        staff[unit] = tuple(team)
    return staff


def _practitioner(rng: Random, number: int, unit: str, position: int) -> Practitioner:
    return Practitioner(
        id=f"prac-{number:03d}",
        npi=_npi(123456000 + number),
        family=rng.choice(names.FAMILY),
        given=rng.choice(names.GIVEN_FEMALE + names.GIVEN_MALE),
        unit=unit,
        room=f"{unit}-E{position}" if unit in CLINICS else "",
    )


def _npi(stem: int) -> str:
    """Append the Luhn check digit that an NPI needs (prefix 80840)."""
    total = 24  # what the prefix 80840 adds to the Luhn sum
    for index, digit in enumerate(reversed(str(stem))):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += value // 10 + value % 10
    return f"{stem}{-total % 10}"


def _locations(blocks: int, staff: dict[str, tuple[Practitioner, ...]]) -> Iterator[Location]:
    yield Location(id=FACILITY, unit="", name="Lakeward Demo Hospital", physical="si", role="HOSP")
    yield from _unit(ED, "Emergency Department", "ER", "+17165550101")
    for bay in range(1, _ED_BAYS * blocks + 1):
        yield from _room(ED, f"T{bay:02d}", f"ED Bay {bay}", 1)
    for code, name, rooms, beds in WARDS:
        yield from _unit(code, name, "ICU" if code == "ICU" else "HU", "+17165550102")
        for door in range(101, 101 + rooms * blocks):
            yield from _room(code, str(door), f"{name} {door}", beds)
    for number, (code, name) in enumerate(CLINICS.items(), 110):
        yield from _unit(code, name, "OF", f"+1716555{number:04d}")
        for doctor in staff[code]:
            room = doctor.room.removeprefix(f"{code}-")
            yield _child(code, room, "", f"{name} Exam {room}")


def _unit(code: str, name: str, role: str, phone: str) -> Iterator[Location]:
    yield Location(
        id=code, unit=code, name=name, physical="wa", role=role, parent=FACILITY, phone=phone
    )


def _room(unit: str, room: str, name: str, beds: int) -> Iterator[Location]:
    yield _child(unit, room, "", name)
    for letter in "ABCD"[:beds]:
        yield _child(unit, room, letter, f"{name} Bed {letter}")


def _child(unit: str, room: str, bed: str, name: str) -> Location:
    door = f"{unit}-{room}"
    return Location(
        # unit, room and bed joined by dashes: the code that readers make of PV1-3, too
        id=f"{door}-{bed}" if bed else door,
        unit=unit,
        room=room,
        bed=bed,
        name=name,
        physical="bd" if bed else "ro",
        role="HU",
        parent=door if bed else unit,
        status="U" if bed else "",
    )
