"""Schedule, Slot and Appointment resources from records."""

from datetime import datetime, timedelta

from lakeward.simulator import fhir_terms as fhir
from lakeward.simulator.booking_fold import SLOT_MINUTES
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.hospital_records import Appointment, Practitioner, Slot
from lakeward.simulator.world import slot_id

_SERVICE = "urn:lakeward:service"
_OPEN = ("booked", "arrived", "checked-in", "fulfilled")


def schedule(doctor: Practitioner) -> Resource:
    """Return the Schedule of a clinician at their clinic."""
    return fhir.resource("Schedule", doctor, _schedule_key(doctor.id)) | {
        "active": True,
        "serviceType": [fhir.concept(_SERVICE, doctor.unit, CLINICS[doctor.unit])],
        "actor": [
            fhir.reference("Practitioner", doctor.id),
            fhir.reference("Location", fhir.location_id(doctor.unit)),
        ],
    }


def _schedule_key(practitioner: str) -> str:
    return f"sched-{practitioner.removeprefix('prac-')}"


def slot(found: Slot, doctor: Practitioner, clock: FacilityClock) -> Resource:
    """Return the Slot of one half hour."""
    return fhir.resource("Slot", found) | {
        "serviceType": [fhir.concept(_SERVICE, doctor.unit, CLINICS[doctor.unit])],
        "schedule": fhir.reference("Schedule", _schedule_key(found.practitioner)),
        "status": found.status,
        "start": clock.fhir(found.start),
        "end": clock.fhir(found.start + timedelta(minutes=SLOT_MINUTES)),
    }


def appointment(found: Appointment, clock: FacilityClock, slots_from: datetime) -> Resource:
    """Return the Appointment; slots before `slots_from` were never exported and are not named."""
    code, name = found.type
    body = fhir.resource("Appointment", found) | {
        "identifier": [fhir.identifier("urn:lakeward:appointment", found.filler)],
        "status": found.status,
        "serviceType": [fhir.concept(_SERVICE, found.clinic, CLINICS[found.clinic])],
        "appointmentType": fhir.concept(fhir.V2 + "0276", code, name),
        "reasonCode": [fhir.concept("urn:lakeward:reason", *found.reason)],
        "start": clock.fhir(found.start),
        "end": clock.fhir(found.start + timedelta(minutes=found.minutes)),
        "minutesDuration": found.minutes,
        "created": clock.fhir(found.created),
        "participant": _participants(found),
    }
    if found.cancel_reason:
        system = fhir.TERMS + "appointment-cancellation-reason"
        body["cancelationReason"] = fhir.concept(system, found.cancel_reason)
    # an appointment that fell through has given its slot back
    if found.start >= slots_from and found.status in _OPEN:
        body["slot"] = [fhir.reference("Slot", slot_id(found.practitioner, found.start))]
    if found.referral:
        body["basedOn"] = [fhir.reference("ServiceRequest", found.referral)]
    return body


def _participants(found: Appointment) -> list[Resource]:
    # only a booked appointment still waits for its patient's answer
    waiting = found.status == "booked" and found.confirmed_at is None
    actors = (
        (fhir.reference("Patient", found.patient), "needs-action" if waiting else "accepted"),
        (fhir.reference("Practitioner", found.practitioner), "accepted"),
        (fhir.reference("Location", fhir.location_id(found.clinic)), "accepted"),
    )
    return [{"actor": actor, "required": "required", "status": status} for actor, status in actors]
