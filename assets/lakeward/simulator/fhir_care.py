"""Encounter, ServiceRequest and Task resources from records."""

from datetime import datetime

from lakeward.simulator import fhir_terms as fhir
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.hospital_records import Order, Phase, Referral, Stay, Task, Visit
from lakeward.simulator.world import World


def _period(clock: FacilityClock, start: datetime, end: datetime | None) -> dict[str, str]:
    found = {"start": clock.fhir(start)}
    return found | {"end": clock.fhir(end)} if end else found


def encounter(visit: Visit, world: World, clock: FacilityClock) -> Resource:
    """Return the Encounter with the history of its statuses, classes and locations."""
    # a period must begin; a visit that was only admitted has no arrival
    started = visit.arrived_at or visit.admit_at or visit.state_since
    # clinics book by reasons of their own, wards and the ED state diagnoses
    reason_system = "urn:lakeward:reason" if visit.appointment else fhir.ICD10
    body = fhir.resource("Encounter", visit) | {
        "identifier": [fhir.identifier("urn:lakeward:visit-number", visit.number, "VN")],
        "status": visit.status,
        "statusHistory": [
            {"status": phase.code, "period": _period(clock, phase.start, phase.end)}
            for phase in visit.statuses
        ],
        "class": _class(visit.classes[-1]),
        "classHistory": [
            {"class": _class(phase), "period": _period(clock, phase.start, phase.end)}
            for phase in visit.classes
        ],
        "serviceType": fhir.concept(
            "urn:lakeward:service", visit.service, world.location(visit.service).name
        ),
        "subject": fhir.reference("Patient", visit.patient),
        "participant": [
            {
                "type": [fhir.concept(fhir.V3 + "ParticipationType", "ATND", "attender")],
                "individual": fhir.reference("Practitioner", visit.practitioner),
            }
        ],
        "period": _period(clock, started, visit.discharge_at),
        "reasonCode": [fhir.concept(reason_system, *visit.reason)],
        "location": [_stay(stay, clock) for stay in visit.stays],
        "serviceProvider": fhir.reference("Organization", "org-lkwd"),
    }
    if visit.appointment:
        body["appointment"] = [fhir.reference("Appointment", visit.appointment)]
    if visit.disposition:
        disposition = fhir.concept(*fhir.DISPOSITIONS[visit.disposition])
        body["hospitalization"] = {"dischargeDisposition": disposition}
    if visit.expected_discharge_at:
        planned = clock.fhir(visit.expected_discharge_at)
        body["extension"] = [{"url": fhir.PLANNED_END, "valueDateTime": planned}]
    return body


def _class(phase: Phase) -> dict[str, str]:
    return fhir.coding(fhir.V3 + "ActCode", phase.code, fhir.CLASSES[phase.code])


def _stay(stay: Stay, clock: FacilityClock) -> Resource:
    return {
        "location": fhir.reference("Location", fhir.location_id(stay.location)),
        "status": "completed" if stay.end else "active",
        "period": _period(clock, stay.start, stay.end),
    }


def order(found: Order, clock: FacilityClock) -> Resource:
    """Return the ServiceRequest of an order."""
    identifiers = [fhir.identifier("urn:lakeward:order", found.placer, "PLAC")]
    if found.filler:
        identifiers.append(fhir.identifier("urn:lakeward:filler", found.filler, "FILL"))
    return fhir.resource("ServiceRequest", found) | {
        "identifier": identifiers,
        "status": found.status,
        "intent": "order",
        "category": [fhir.concept(*fhir.CATEGORIES[found.category])],
        "priority": found.priority,
        "code": fhir.concept(*found.code),
        "subject": fhir.reference("Patient", found.patient),
        "encounter": fhir.reference("Encounter", found.visit),
        "authoredOn": clock.fhir(found.ordered_at),
        "requester": fhir.reference("Practitioner", found.practitioner),
    }


def referral(found: Referral, clock: FacilityClock) -> Resource:
    """Return the ServiceRequest of a referral."""
    status = fhir.REFERRAL_STATES[found.state][3]
    return fhir.resource("ServiceRequest", found) | {
        "identifier": [
            fhir.identifier("urn:lakeward:referral", found.number),
            fhir.identifier("urn:lakeward:order", found.placer, "PLAC"),
        ],
        "status": status,
        "intent": "order",
        "category": [fhir.concept(*fhir.REFERRAL)],
        "priority": found.priority,
        "code": fhir.concept("urn:lakeward:service", found.clinic, CLINICS[found.clinic]),
        "subject": fhir.reference("Patient", found.patient),
        "occurrencePeriod": _period(clock, found.received_at, found.expires_at),
        "authoredOn": clock.fhir(found.received_at),
        "requester": fhir.reference("Practitioner", found.practitioner),
        "performerType": fhir.concept("urn:lakeward:service", found.clinic, CLINICS[found.clinic]),
        "locationReference": [fhir.reference("Location", fhir.location_id(found.clinic))],
        "reasonCode": [fhir.concept(fhir.ICD10, *found.reason)],
    }


def referral_task(found: Referral, clock: FacilityClock) -> Resource:
    """Return the Task that states how far a referral is (BSeR business status)."""
    code, text, status, _ = fhir.REFERRAL_STATES[found.state]
    return fhir.resource("Task", found, f"task-{found.id}") | {
        "basedOn": [fhir.reference("ServiceRequest", found.id)],
        "status": status,
        "businessStatus": fhir.concept(fhir.BSER, code, text),
        "intent": "order",
        "priority": found.priority,
        "code": fhir.concept("urn:lakeward:task-type", "referral_followup", "Referral follow-up"),
        "focus": fhir.reference("ServiceRequest", found.id),
        "for": fhir.reference("Patient", found.patient),
        "authoredOn": clock.fhir(found.received_at),
        "lastModified": clock.fhir(found.updated),
        "requester": fhir.reference("Organization", found.organization),
        "owner": fhir.reference("Organization", "org-lkwd"),
    }


def task(found: Task, clock: FacilityClock) -> Resource:
    """Return the Task of a service team: a bed to clean, a patient to move."""
    body = fhir.resource("Task", found) | {
        "status": found.status,
        "intent": "order",
        "priority": "routine",
        "code": fhir.concept("urn:lakeward:task-type", found.type),
        "authoredOn": clock.fhir(found.created_at),
        "lastModified": clock.fhir(found.updated),
        "owner": fhir.reference("Organization", found.owner),
        "restriction": {"period": {"end": clock.fhir(found.due_at)}},
    }
    if found.bed:
        body["focus"] = fhir.reference("Location", fhir.location_id(found.bed))
    if found.visit:
        body["for"] = fhir.reference("Patient", found.patient)
        body["encounter"] = fhir.reference("Encounter", found.visit)
    if found.started_at:
        body["executionPeriod"] = _period(clock, found.started_at, found.completed_at)
    return body
