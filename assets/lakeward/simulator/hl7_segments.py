"""HL7 v2.5.1 segments from records: which fact is in which field.

Which messages an event causes is in `hl7_messages`; envelopes and files are in `hl7_writer`.
"""

from collections.abc import Mapping
from datetime import datetime

from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.hospital import CLINICS, FACILITY
from lakeward.simulator.hospital_records import (
    Appointment,
    Location,
    Order,
    Organization,
    Person,
    Practitioner,
    Referral,
    Visit,
)

CLEAR = '""'
"""The HL7 null: the field is deleted. An empty field says nothing about its value."""
# FHIR class to PV1-2 (table 0004): outpatient, emergency, inpatient
CLASSES = {"AMB": "O", "EMER": "E", "IMP": "I"}
# chapter 2, use of escape sequences; the backslash itself is \E\
_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_SYSTEMS = {"http://loinc.org": "LN", "http://snomed.info/sct": "SCT"}


def escaped(value: str) -> str:
    """Escape a value so that no character of it is read as a delimiter."""
    return value.translate(_ESCAPES)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Join fields, given by their HL7 position, to a segment."""
    row = [""] * (max(fields, default=0) + 1)
    row[0] = name
    for position, value in fields.items():
        row[position] = value
    return "|".join(row)


def patient_id(person: Person) -> str:
    """Return the CX of a medical record number."""
    return f"{person.mrn}^^^{FACILITY}^MR"


def person_name(person: Person) -> str:
    """Return the XPN of the legal name."""
    return f"{escaped(person.family)}^{escaped(person.given)}^{escaped(person.middle)}^^^^L"


def clinician(practitioner: Practitioner) -> str:
    """Return the XCN of a clinician; the id is the NPI."""
    name = f"{escaped(practitioner.family)}^{escaped(practitioner.given)}"
    return f"{practitioner.npi}^{name}^^^Dr^^^NPI^L^^^NPI"


def location(found: Location) -> str:
    """Return the PL of a location; whole units also have their name."""
    room = found.room
    named = f"^^^^^{escaped(found.name)}" if not room else ""
    return f"{found.unit}^{room}^{found.bed}^{FACILITY}{named}"


def pid(person: Person, clock: FacilityClock, cleared: frozenset[str] = frozenset()) -> str:
    """Return the PID segment; a `cleared` work phone is sent as the HL7 null."""
    home = [f"{person.phone_home}^PRN^PH"] if person.phone_home else []
    mobile = [f"{person.phone_mobile}^PRN^CP"] if person.phone_mobile else []
    email = [f"^NET^Internet^{escaped(person.email)}"] if person.email else []
    work = f"{person.phone_work}^WPN^PH" if person.phone_work else ""
    street = (
        f"{escaped(person.line)}^^{escaped(person.city)}^{person.state}^{person.postal_code}^USA^H"
    )
    code, name = person.language
    fields = {
        1: "1",
        3: patient_id(person),
        5: person_name(person),
        7: f"{person.birth_date:%Y%m%d}",
        8: person.sex,
        11: street,
        13: "~".join(home + mobile + email),
        14: CLEAR if "phone_work" in cleared else work,
        15: f"{code}^{name}^ISO639",
    }
    if person.deceased_at:
        fields |= {29: clock.hl7(person.deceased_at), 30: "Y"}
    return segment("PID", fields)


def pv1(
    visit: Visit, locations: Mapping[str, Location], doctor: Practitioner, clock: FacilityClock
) -> str:
    """Return the PV1 segment of a visit as it is now."""
    fields = {
        1: "1",
        2: CLASSES[visit.klass],
        3: location(locations[visit.location]),
        7: clinician(doctor),
        10: visit.service,
        19: visit_id(visit.number),
        # the admission overwrites the arrival in the ED, as in most systems: only the A04 has it
        44: clock.hl7(visit.admit_at or visit.arrived_at),
    }
    if visit.prior_location:
        fields[6] = location(locations[visit.prior_location])
    if visit.discharge_at:
        fields |= {36: visit.disposition, 45: clock.hl7(visit.discharge_at)}
    return segment("PV1", fields)


def pv1_planned(appointment: Appointment, clinic: Location, doctor: Practitioner) -> str:
    """Return the PV1 segment of a visit that is only booked."""
    number = visit_id(appointment.visit_number) if appointment.shares_visit_number else ""
    fields = {1: "1", 2: "O", 3: location(clinic), 7: clinician(doctor), 10: appointment.clinic}
    return segment("PV1", fields | ({19: number} if number else {}))


def visit_id(number: str) -> str:
    """Return the CX of a visit number."""
    return f"{number}^^^{FACILITY}^VN"


def pv2(visit: Visit, clock: FacilityClock) -> str:
    """Return the PV2 segment: admit reason and expected discharge."""
    code, name = visit.reason
    fields = {3: f"{code}^{escaped(name)}^I10"}
    if visit.expected_discharge_at:
        fields[9] = clock.hl7(visit.expected_discharge_at)
    return segment("PV2", fields)


def sch(
    appointment: Appointment,
    clock: FacilityClock,
    status: str,
    event: str,
    referral: Referral | None,
) -> str:
    """Return the SCH segment; `event` is SCH-6, why this message is sent."""
    start = clock.hl7(appointment.start)
    fields = {
        2: f"{appointment.filler}^LKWDSCH",
        6: event,
        7: f"{appointment.reason[0]}^{escaped(appointment.reason[1])}^LKWD",
        8: f"{appointment.type[0]}^{escaped(appointment.type[1])}^HL70276",
        9: str(appointment.minutes),
        10: "min^minutes^ISO+",
        11: f"^^{appointment.minutes}^{start}^{_end(appointment, clock)}",
        25: f"{status}^^HL70278",
    }
    if referral is not None:
        fields[26] = f"{referral.placer}^LKWDEHR"
    return segment("SCH", fields)


def _end(appointment: Appointment, clock: FacilityClock) -> str:
    minutes = clock.minutes(appointment.start) + appointment.minutes
    return clock.hl7(clock.at(clock.day(appointment.start), minutes))


def resources(
    appointment: Appointment,
    clinic: Location,
    doctor: Practitioner,
    clock: FacilityClock,
    action: str,
) -> list[str]:
    """Return the RGS group of an appointment: service, location, clinician."""
    start, minutes = clock.hl7(appointment.start), str(appointment.minutes)
    service = f"{appointment.clinic}^{escaped(CLINICS[appointment.clinic])}^LKWD"
    return [
        segment("RGS", {1: "1", 2: action}),
        segment("AIS", {1: "1", 2: action, 3: service, 4: start, 7: minutes, 8: "min"}),
        segment("AIL", {1: "1", 2: action, 3: location(clinic), 6: start, 9: minutes, 10: "min"}),
        segment("AIP", {1: "1", 2: action, 3: clinician(doctor), 6: start, 9: minutes, 10: "min"}),
    ]


def orc(
    order: Order, doctor: Practitioner, at: datetime, clock: FacilityClock, control: str
) -> str:
    """Return the ORC segment; `control` is ORC-1."""
    # ORC-5 (table 0038): in process, completed, cancelled
    status = {"NW": "IP", "RE": "CM", "SC": "CM", "OC": "CA"}[control]
    fields = {
        1: control,
        2: f"{order.placer}^LKWDEHR",
        3: f"{order.filler}^LKWDLAB" if order.filler else "",
        5: status,
        9: clock.hl7(at),
        12: clinician(doctor),
    }
    return segment("ORC", fields)


def obr(order: Order, doctor: Practitioner, clock: FacilityClock) -> str:
    """Return the OBR segment of an order."""
    system, code, display = order.code
    fields = {
        1: "1",
        2: f"{order.placer}^LKWDEHR",
        3: f"{order.filler}^LKWDLAB" if order.filler else "",
        4: f"{code}^{escaped(display)}^{_SYSTEMS[system]}",
        5: {"stat": "S", "asap": "A"}.get(order.priority, "R"),
        6: clock.hl7(order.ordered_at),
        16: clinician(doctor),
        24: {"lab": "LAB", "imaging": "RAD"}.get(order.category, "OTH"),
    }
    if order.resulted_at:
        fields |= {7: clock.hl7(order.resulted_at), 22: clock.hl7(order.resulted_at), 25: "F"}
    return segment("OBR", fields)


def obx(order: Order) -> str:
    """Return the OBX segment of a result."""
    if order.category == "lab":
        observed, kind, unit, normal = "2823-3^Potassium^LN", "NM", "mmol/L", "3.5-5.0"
    else:
        observed, kind, unit, normal = "18782-3^Radiology study observation^LN", "TX", "", ""
    fields = {1: "1", 2: kind, 3: observed, 5: escaped(order.result), 6: unit, 7: normal}
    return segment("OBX", fields | {8: order.flag, 11: "F"})


def rf1(referral: Referral, clock: FacilityClock) -> str:
    """Return the RF1 segment of a referral."""
    # RF1-1 (table 0283): pending, rejected, accepted; what comes after is not sent by this message
    status = {"created": "P", "declined": "R"}.get(referral.state, "A")
    fields = {
        1: f"{status}^^HL70283",
        2: {"urgent": "S", "asap": "A"}.get(referral.priority, "R") + "^^HL70280",
        3: f"{referral.clinic}^{escaped(CLINICS[referral.clinic])}^LKWD",
        6: f"{referral.number}^LKWDREF",
        7: clock.hl7(referral.received_at),
        8: clock.hl7(referral.expires_at),
        9: clock.hl7(referral.state_since),
        10: f"{referral.reason[0]}^{escaped(referral.reason[1])}^I10",
        11: f"{referral.placer}^LKWDEHR",
    }
    return segment("RF1", fields)


def prd(role: str, doctor: Practitioner | None, practice: Organization) -> str:
    """Return the PRD segment of the referring (RP) or referred-to (RT) provider."""
    fields = {1: f"{role}^^HL70286", 4: f"^^^^^^^^{escaped(practice.name)}"}
    if practice.phone:
        fields[5] = f"{practice.phone}^WPN^PH"
    if doctor is not None:
        fields |= {2: f"{escaped(doctor.family)}^{escaped(doctor.given)}", 7: f"{doctor.npi}^NPI"}
    return segment("PRD", fields)
