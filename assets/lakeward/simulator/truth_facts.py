"""What is true of what is known beside visits and orders, as flat rows like those of `truth_rows`.

Keys are those that the outside world knows: the member number of a cover, the number of an
authorisation, record number and code of an allergy, the visit of a prescription, the placer of a
result, the NPI of a role.
"""

from collections.abc import Callable
from typing import Any

from lakeward.simulator.fact_records import (
    Allergy,
    Authorisation,
    Insurance,
    IntakeForm,
    Notice,
    Prescription,
    Reply,
)
from lakeward.simulator.hospital import REFERRERS, SPECIALTIES
from lakeward.simulator.hospital_records import Order, Practitioner, Record
from lakeward.simulator.world import World

Row = dict[str, Any]
_FILLED = {"completed": "complete", "in-progress": "in_progress"}
_FLAGS = {"LL": "critical", "L": "abnormal", "N": "normal", "H": "abnormal", "HH": "critical"}
_ELIGIBILITY = {"true": "in_force", "false": "not_in_force", "queued": "pending"}
_DECISIONS = {"A1": "approved", "A2": "partial", "A3": "denied", "A4": "pending"}
_PRESCRIBED = {"active": "active", "stopped": "ended", "completed": "ended"}


def _coverage(world: World, record: Record) -> Row:
    if not isinstance(record, Insurance):
        return {}
    # a cover that ends has ended before the first delivered day, see `facts`
    holds = record.status == "active" and record.ends is None and record.in_force != "false"
    return {
        "key": record.member,
        "mrn": world.person(record.patient).mrn,
        "payer_name": world.hospital.organizations[record.payer].name,
        "plan_type": record.plan,
        "coverage_order": 1,
        "status": record.status,
        "is_in_force": holds,
        "period_start_at": record.begins,
        "period_end_at": record.ends,
        "verified_at": record.changed_at,
        "eligibility": _ELIGIBILITY.get(record.in_force),
    }


def _authorisation(world: World, record: Record) -> Row:
    if not isinstance(record, Authorisation):
        return {}
    return {
        "key": record.number,
        "mrn": world.person(record.patient).mrn,
        "payer_name": world.hospital.organizations[record.payer].name,
        "authorisation_status": _DECISIONS[record.decision],
        "is_valid": record.decision in ("A1", "A2"),
        "code": record.service,
        "authorised_units": record.units,
        "decided_at": record.changed_at or record.stated_at,
        "period_start_at": record.begins,
        "expires_at": record.ends,
    }


def _allergy(world: World, record: Record) -> Row:
    if not isinstance(record, Allergy):
        return {}
    mrn, (code, name) = world.person(record.patient).mrn, record.substance
    return {
        "key": f"{mrn}|{code}",
        "mrn": mrn,
        "code": code,
        "display": name,
        "allergy_type": record.type,
        "categories": [record.category],
        "criticality": record.criticality,
        "severity": record.severity,
        "clinical_status": record.status,
        "verification_status": record.verification,
        "is_active": record.status == "active",
        "noted_at": record.stated_at,
    }


def _prescription(world: World, record: Record) -> Row:
    if not isinstance(record, Prescription):
        return {}
    return {
        "key": world.visits[record.visit].number,
        "mrn": world.person(record.patient).mrn,
        "code": record.drug[0],
        "display": record.drug[1],
        "status": _PRESCRIBED[record.status],
        "is_active": record.status == "active",
        "authored_at": record.stated_at,
        "period_start_at": record.stated_at,
        "period_end_at": record.ends,
    }


def _result(world: World, record: Record) -> Row:
    if not isinstance(record, Order) or record.resulted_at is None:
        return {}
    reviewed = record.reviewed_at is not None
    return {
        "key": record.placer,
        "mrn": world.person(record.patient).mrn,
        "visit_number": world.visits[record.visit].number,
        "result_category": record.category,
        "code": record.code[1],
        "result_status": "final",
        "resulted_at": record.resulted_at,
        "abnormal_flag": _FLAGS.get(record.flag),
        "is_critical": record.flag in ("LL", "HH"),
        "review_signal": "provenance" if reviewed else "none",
        "reviewed_at": record.reviewed_at,
        "reviewed_by": world.practitioner(record.reviewer).npi if reviewed else None,
        "is_reviewed": reviewed,
    }


def _role(_: World, record: Record) -> Row:
    if not isinstance(record, Practitioner):
        return {}
    code, specialty = SPECIALTIES[record.unit]
    return {
        "key": record.npi,
        "role_code": "doctor",
        "specialty_code": code,
        "specialty": specialty,
        "unit": None if record.unit == REFERRERS else record.unit,
        "is_active": True,
    }


def _intake(world: World, record: Record) -> Row:
    if not isinstance(record, IntakeForm):
        return {}
    return {
        "key": world.visits[record.visit].number,
        "mrn": world.person(record.patient).mrn,
        "form_kind": "questionnaire",
        "form_code": f"https://ehr.lakeward.example/fhir/{record.form}",
        "intake_status": _FILLED[record.status],
        "is_complete": record.status == "completed",
        "filled_at": record.changed_at or record.stated_at,
    }


def _notice(world: World, record: Record) -> Row:
    if not isinstance(record, Notice):
        return {}
    return {
        "key": world.appointments[record.appointment].filler,
        "mrn": world.person(record.patient).mrn,
        "communication_kind": "message",
        "direction": "to_patient",
        "status": record.status,
        "status_reason_code": record.reason or None,
        "category_code": "notification",
        "medium_code": record.medium,
        "topic_code": "appointment-reminder",
        "sent_at": None if record.reason else record.stated_at,
        "received_at": record.received_at,
    }


def _reply(world: World, record: Record) -> Row:
    if not isinstance(record, Reply):
        return {}
    return {
        "key": world.appointments[record.appointment].filler,
        "mrn": world.person(record.patient).mrn,
        "actor_kind": "patient",
        "answer": record.answer,
        "answered_at": record.changed_at or record.stated_at,
    }


FACT_OBJECTS: dict[str, tuple[tuple[str, ...], Callable[[World, Record], Row]]] = {
    "coverages": (("Insurance",), _coverage),
    "authorisations": (("Authorisation",), _authorisation),
    "allergies": (("Allergy",), _allergy),
    "prescriptions": (("Prescription",), _prescription),
    "results": (("Order",), _result),
    "roles": (("Practitioner",), _role),
    "intakes": (("IntakeForm",), _intake),
    "notices": (("Notice",), _notice),
    "replies": (("Reply",), _reply),
}
