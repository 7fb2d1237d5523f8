"""Which HL7 v2 messages an event causes, and the segments of each.

Some events cause none (triage, a bed's cleaning begun), some two (an admission ends a bed order). A
message here is a body without MSH: the writer adds envelope, control id and terminators.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lakeward.simulator import hl7_segments as seg
from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.hospital_records import Organization
from lakeward.simulator.world import World

ADT, SIU, ORDERS = "adt_hl7", "scheduling_hl7", "orders_hl7"


@dataclass(frozen=True, slots=True)
class Message:
    """One message before its envelope: the source it goes to, MSH-9 and the segments."""

    source: str
    type: str
    segments: list[str]


# message structures (MSH-9.3) that the standard gives to each trigger; several share one
_STRUCTURES = {
    "A01": "ADT_A01",
    "A02": "ADT_A02",
    "A03": "ADT_A03",
    "A04": "ADT_A01",
    "A08": "ADT_A01",
    "A11": "ADT_A09",
    "A16": "ADT_A16",
}
_VISIT_TRIGGERS = {
    EventKind.ARRIVED: "A04",  # register an outpatient, or somebody in the ED
    EventKind.ROOMED: "A02",  # transfer: from the waiting area into a room or bay
    EventKind.ADMITTED: "A01",
    EventKind.ADMIT_CANCELLED: "A11",
    EventKind.TRANSFER: "A02",
    EventKind.VISIT_UPDATED: "A08",
    EventKind.DISCHARGE_ORDERED: "A16",  # pending discharge
    EventKind.DEPARTED: "A03",  # discharge, or the end of an outpatient visit
}
# A28 adds a person, A31 updates one; neither has a visit (PV1-2 is N, not applicable)
_PERSON_TRIGGERS = {EventKind.PERSON_REGISTERED: "A28", EventKind.PERSON_UPDATED: "A31"}
# trigger, action code for all segments of the booking (table 0206), filler status (table 0278)
_BOOKINGS = {
    EventKind.APPOINTMENT_BOOKED: ("S12", "A", "Booked"),
    EventKind.APPOINTMENT_RESCHEDULED: ("S13", "U", "Booked"),
    EventKind.APPOINTMENT_MODIFIED: ("S14", "U", "Booked"),
    EventKind.APPOINTMENT_CONFIRMED: ("S14", "U", "Booked"),
    EventKind.CHECKED_IN: ("S14", "U", "Started"),
    EventKind.DEPARTED: ("S14", "U", "Complete"),
    EventKind.APPOINTMENT_CANCELLED: ("S15", "D", "Cancelled"),
    EventKind.APPOINTMENT_NO_SHOW: ("S26", "U", "Noshow"),
}
_CANCEL_TEXTS = {
    "pat": "Patient",
    "prov": "Provider",
    "other": "Other",
    "pat-dec": "Patient: Deceased",
}
_ORDERS = {
    EventKind.ORDER_PLACED: "NW",
    EventKind.ORDER_CANCELLED: "OC",
    EventKind.ORDER_RESULTED: "RE",
}
# bed and discharge orders begin and end with what happens to the visit
_BEGINS_ORDER = (EventKind.ADMIT_DECISION, EventKind.DISCHARGE_ORDERED)
_ENDS_ORDER = (EventKind.ADMITTED, EventKind.DEPARTED)
_REFERRALS = {
    EventKind.REFERRAL_CREATED: "I12",
    EventKind.REFERRAL_ACCEPTED: "I13",
    EventKind.REFERRAL_DECLINED: "I13",
}
# A20, bed status update: the only trigger about a bed and not about a patient
_BEDS = (EventKind.BED_STATUS, EventKind.BED_DIRTY, EventKind.BED_CLEAN)


def messages(world: World, clock: FacilityClock, event: Event) -> Iterator[Message]:
    """Yield the messages that announce `event`, with the world as it is right after it."""
    kind = event.kind
    if kind in _PERSON_TRIGGERS:
        yield _person(world, clock, event)
    elif kind is EventKind.IDENTITY_MERGE:
        yield _merge(world, clock, event)
    elif kind in _BEDS:
        yield _bed(world, clock, event)
    elif kind in _REFERRALS:
        yield _referral(world, clock, event)
    if kind in _VISIT_TRIGGERS:
        yield _visit(world, clock, event)
    if kind in _BOOKINGS and event.appointment:
        yield _booking(world, clock, event)
    if event.order:
        yield _order(world, clock, event, _control(event))


def _evn(clock: FacilityClock, event: Event, trigger: str) -> str:
    return seg.segment("EVN", {1: trigger, 2: clock.hl7(event.at), 6: clock.hl7(event.at)})


def _person(world: World, clock: FacilityClock, event: Event) -> Message:
    trigger = _PERSON_TRIGGERS[event.kind]
    # FHIR would simply lack the number; HL7 v2 must send `""`, else the receiver keeps the old one
    cleared = frozenset(attribute for attribute, value in event.changes if not value)
    pid = seg.pid(world.people[event.patient], clock, cleared)
    nobody = seg.segment("PV1", {1: "1", 2: "N"})
    return Message(ADT, f"ADT^{trigger}^ADT_A05", [_evn(clock, event, trigger), pid, nobody])


def _merge(world: World, clock: FacilityClock, event: Event) -> Message:
    survivor, retired = world.people[event.patient], world.people[event.code]
    mrg = seg.segment("MRG", {1: seg.patient_id(retired), 7: seg.person_name(retired)})
    segments = [_evn(clock, event, "A40"), seg.pid(survivor, clock), mrg]
    return Message(ADT, "ADT^A40^ADT_A39", segments)


def _bed(world: World, clock: FacilityClock, event: Event) -> Message:
    npu = seg.segment("NPU", {1: seg.location(world.location(event.location)), 2: event.code})
    return Message(ADT, "ADT^A20^ADT_A20", [_evn(clock, event, "A20"), npu])


def _visit(world: World, clock: FacilityClock, event: Event) -> Message:
    trigger = _VISIT_TRIGGERS[event.kind]
    visit = world.visits[event.visit]
    segments = [
        _evn(clock, event, trigger),
        seg.pid(world.person(visit.patient), clock),
        seg.pv1(visit, world.hospital.locations, world.practitioner(visit.practitioner), clock),
        seg.pv2(visit, clock),
    ]
    return Message(ADT, f"ADT^{trigger}^{_STRUCTURES[trigger]}", segments)


def _booking(world: World, clock: FacilityClock, event: Event) -> Message:
    trigger, action, status = _BOOKINGS[event.kind]
    found = world.appointments[event.appointment]
    clinic, doctor = world.location(found.clinic), world.practitioner(found.practitioner)
    referral = world.referrals.get(found.referral)
    sch = seg.sch(found, clock, status, _why(event), referral)
    pid = seg.pid(world.person(found.patient), clock)
    # without PV1 the booking has no visit number: a reader must find the visit in another way
    visit = [seg.pv1_planned(found, clinic, doctor)] if found.shares_visit_number else []
    segments = [sch, pid, *visit, *seg.resources(found, clinic, doctor, clock, action)]
    return Message(SIU, f"SIU^{trigger}^SIU_S12", segments)


def _why(event: Event) -> str:
    if event.kind is EventKind.APPOINTMENT_CANCELLED:
        return f"{event.code}^{_CANCEL_TEXTS[event.code]}^LKWD"
    if event.kind is EventKind.APPOINTMENT_CONFIRMED:
        return "CONFIRMED^Confirmed by patient^LKWD"
    return ""


def _control(event: Event) -> str:
    """Return ORC-1 (table 0119): new order, result, cancellation, or only a change of status."""
    if event.kind in _BEGINS_ORDER:
        return "NW"
    return "SC" if event.kind in _ENDS_ORDER else _ORDERS[event.kind]


def _order(world: World, clock: FacilityClock, event: Event, control: str) -> Message:
    order = world.orders[event.order]
    doctor = world.practitioner(order.practitioner)
    visit = world.visits[order.visit]
    segments = [
        seg.pid(world.person(order.patient), clock),
        seg.pv1(visit, world.hospital.locations, doctor, clock),
        seg.orc(order, doctor, event.at, clock, control),
        seg.obr(order, doctor, clock),
    ]
    # a result comes as ORU with the observation, everything else about an order as ORM
    if control == "RE":
        return Message(ORDERS, "ORU^R01^ORU_R01", [*segments, seg.obx(order)])
    return Message(ORDERS, "ORM^O01^ORM_O01", segments)


def _referral(world: World, clock: FacilityClock, event: Event) -> Message:
    trigger = _REFERRALS[event.kind]
    referral = world.referrals[event.referral]
    doctor = world.practitioner(referral.practitioner)
    clinic = world.location(referral.clinic)
    to = Organization(id=clinic.id, name=CLINICS[clinic.id], code="clinic", phone=clinic.phone)
    segments = [
        seg.rf1(referral, clock),
        seg.prd("RP", doctor, world.hospital.organizations[referral.organization]),
        seg.prd("RT", None, to),
        seg.pid(world.person(referral.patient), clock),
    ]
    return Message(ORDERS, f"REF^{trigger}^REF_I12", segments)
