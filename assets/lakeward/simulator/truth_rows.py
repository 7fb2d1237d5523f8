"""What is true of one record, as a flat row: keys and codes as the outside world knows them.

Every row has `key` (visit: appointment id or visit number; bed: unit-room-bed; patient: MRN). A
record that was merged appears as its survivor.
"""

from collections.abc import Callable

from lakeward.simulator.hospital_records import (
    Appointment,
    Location,
    Order,
    Person,
    Record,
    Referral,
    Task,
    Visit,
)
from lakeward.simulator.truth_facts import FACT_OBJECTS, Row
from lakeward.simulator.world import World

_APPOINTMENT_STATES = {"booked": "scheduled", "cancelled": "cancelled", "noshow": "no_show"}


def _mrn(world: World, patient: str) -> str:
    return world.person(patient).mrn


def _visit(world: World, record: Record) -> Row:
    if isinstance(record, Visit):
        return _started_visit(world, record)
    return _booked_visit(world, record) if isinstance(record, Appointment) else {}


def _started_visit(world: World, visit: Visit) -> Row:
    booking = world.appointments.get(visit.appointment)
    location = world.location(visit.location)
    gone = visit.status in ("finished", "cancelled")
    times = (
        "arrived_at",
        "triaged_at",
        "roomed_at",
        "admit_at",
        "expected_discharge_at",
        "discharge_ordered_at",
        "discharge_at",
    )
    return {
        # as the store keys it: an appointment is the scheduled phase of its visit
        "key": booking.filler if booking else visit.number,
        "visit_number": visit.number,
        "appointment_id": booking.filler if booking else None,
        "mrn": _mrn(world, visit.patient),
        "visit_class": visit.klass,
        "main_state": visit.main_state,
        "state_since": visit.state_since,
        "open_waits": sorted(set(visit.waits.values())),
        "scheduled_start_at": booking.start if booking else None,
        "acuity_level": visit.acuity or None,
        **{name: getattr(visit, name) for name in times},
        "discharge_disposition": visit.disposition or None,
        "location": location.id,
        "bed": location.id if location.bed and not gone else None,
        "npi": world.practitioner(visit.practitioner).npi,
    }


def _booked_visit(world: World, appointment: Appointment) -> Row:
    """Return the row of a visit that is only booked or did not take place.

    A visit that has begun has a row of its own, under the same key.
    """
    if appointment.visit:
        return _started_visit(world, world.visits[appointment.visit])
    confirmed = appointment.status == "booked" and appointment.confirmed_at
    return {
        "key": appointment.filler,
        "visit_number": appointment.visit_number or None,
        "appointment_id": appointment.filler,
        "mrn": _mrn(world, appointment.patient),
        "visit_class": "AMB",
        "main_state": "confirmed" if confirmed else _APPOINTMENT_STATES[appointment.status],
        "state_since": appointment.updated,
        "open_waits": [],
        "scheduled_start_at": appointment.start,
        "location": appointment.clinic,
        "npi": world.practitioner(appointment.practitioner).npi,
    }


def _appointment(world: World, record: Record) -> Row:
    if not isinstance(record, Appointment):
        return {}
    return {
        "key": record.filler,
        "mrn": _mrn(world, record.patient),
        "status": record.status,
        "start": record.start,
        "original_start": record.original_start,
        "reschedule_count": record.moves,
        "booked_at": record.created,
        "is_confirmed": record.confirmed_at is not None,
        "cancel_reason_code": record.cancel_reason or None,
        "clinic": record.clinic,
        "npi": world.practitioner(record.practitioner).npi,
        "referral": world.referrals[record.referral].number if record.referral else None,
        "visit_number": record.visit_number or None,
    }


def _bed(world: World, record: Record) -> Row:
    if not isinstance(record, Location) or not record.bed:
        return {}
    times = ("occupied_at", "vacated_at", "dirty_at", "cleaned_at")
    return {
        "key": record.id,
        "operational_status": record.status,
        "status_since": record.status_since,
        "current_visit": world.visits[record.visit].number if record.visit else None,
        **{name: getattr(record, name) for name in times},
    }


def _referral(world: World, record: Record) -> Row:
    if not isinstance(record, Referral):
        return {}
    appointment = world.appointments.get(record.appointment)
    times = (
        "received_at",
        "accepted_at",
        "scheduled_at",
        "seen_at",
        "closed_at",
        "expires_at",
        "state_since",
    )
    return {
        "key": record.number,
        "mrn": _mrn(world, record.patient),
        "order": record.placer,
        "specialty": record.clinic,
        "priority": record.priority,
        "state": record.state,
        "appointment_id": appointment.filler if appointment else None,
        **{name: getattr(record, name) for name in times},
    }


def _patient(world: World, record: Record) -> Row:
    if not isinstance(record, Person):
        return {}
    merged = world.people[record.merged_into].mrn if record.merged_into else None
    fields = (
        "family",
        "given",
        "sex",
        "phone_mobile",
        "phone_home",
        "phone_work",
        "email",
        "city",
        "postal_code",
    )
    return {
        "key": record.mrn,
        "fhir_id": record.id,
        "record_status": "merged" if merged else "active" if record.active else "inactive",
        "merged_into": merged,
        "birth_date": record.birth_date.isoformat(),
        "deceased_at": record.deceased_at,
        **{name: getattr(record, name) or None for name in fields},
        "preferred_language": record.language[0],
        "interpreter_needed": record.interpreter,
    }


def _order(world: World, record: Record) -> Row:
    if not isinstance(record, Order):
        return {}
    return {
        "key": record.placer,
        "mrn": _mrn(world, record.patient),
        "visit_number": world.visits[record.visit].number,
        "category": record.category,
        "code": record.code[1],
        "status": record.status,
        "ordered_at": record.ordered_at,
        "resulted_at": record.resulted_at,
    }


def _task(_: World, record: Record) -> Row:
    if not isinstance(record, Task):
        return {}
    times = ("created_at", "due_at", "started_at", "completed_at")
    return {
        "key": record.id,
        "type": record.type,
        "status": record.status,
        "bed": record.bed or None,
        **{name: getattr(record, name) for name in times},
    }


OBJECTS: dict[str, tuple[tuple[str, ...], Callable[[World, Record], Row]]] = {
    "patients": (("Person",), _patient),
    "visits": (("Appointment", "Visit"), _visit),
    "appointments": (("Appointment",), _appointment),
    "beds": (("Location",), _bed),
    "referrals": (("Referral",), _referral),
    "orders": (("Order",), _order),
    "tasks": (("Task",), _task),
    **FACT_OBJECTS,
}
