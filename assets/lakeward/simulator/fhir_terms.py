"""Code systems, code maps and small FHIR building blocks for the resources of the simulator."""

from typing import Any

from lakeward.simulator.facility_clock import fhir_instant
from lakeward.simulator.hospital_records import Record

Resource = dict[str, Any]

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
TERMS = "http://terminology.hl7.org/CodeSystem/"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
MRN_SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
LOINC = "http://loinc.org"
INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"

CLASSES = {"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter"}
BED_STATUS = {
    "C": "Closed",
    "H": "Housekeeping",
    "O": "Occupied",
    "U": "Unoccupied",
    "K": "Contaminated",
    "I": "Isolated",
}
PHYSICAL = {"si": "Site", "wa": "Ward", "ro": "Room", "bd": "Bed"}
DISPOSITIONS = {
    "01": (TERMS + "discharge-disposition", "home", "Home"),
    "03": (TERMS + "discharge-disposition", "snf", "Skilled nursing facility"),
    "07": (TERMS + "discharge-disposition", "aadvice", "Left against advice"),
    "20": (TERMS + "discharge-disposition", "exp", "Expired"),
    "LWBS": (SNOMED, "21541000119102", "Left without being seen"),
}
CATEGORIES = {
    "lab": (SNOMED, "108252007", "Laboratory procedure"),
    "imaging": (SNOMED, "363679005", "Imaging"),
    "bed": ("urn:lakeward:order-category", "bed", "Bed request"),
    "discharge": ("urn:lakeward:order-category", "discharge", "Discharge"),
}
REFERRAL = (SNOMED, "3457005", "Patient referral")
BSER = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
REFERRAL_STATES = {
    "created": ("2.0", "Service Request Created", "requested", "active"),
    "accepted": ("3.0", "Service Request Accepted", "accepted", "active"),
    "declined": ("4.0", "Service Request Declined", "rejected", "revoked"),
    "scheduled": ("5.1.1", "Event Scheduled", "in-progress", "active"),
    "unattended": ("5.1.2", "Event Unattended", "in-progress", "active"),
    "appt_cancelled": ("5.1.3", "Event Cancelled", "in-progress", "active"),
    "seen": ("5.1.4", "Event Completed", "completed", "completed"),
}


def resource(kind: str, record: Record, key: str = "") -> Resource:
    """Return the beginning of a resource: type, id, and the version of the record."""
    meta = {"versionId": str(record.version), "lastUpdated": fhir_instant(record.updated)}
    return {"resourceType": kind, "id": key or record.id, "meta": meta}


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """Return a Coding."""
    found = {"system": system, "code": code}
    return found | {"display": display} if display else found


def concept(system: str, code: str, display: str = "") -> Resource:
    """Return a CodeableConcept with one coding."""
    return {"coding": [coding(system, code, display)]}


def reference(kind: str, key: str) -> dict[str, str]:
    """Return a relative reference."""
    return {"reference": f"{kind}/{key}"}


def identifier(system: str, value: str, kind: str = "") -> Resource:
    """Return an Identifier, with a type of table 0203 when one is named."""
    found: Resource = {"type": concept(V2 + "0203", kind)} if kind else {}
    return found | {"system": system, "value": value}


def location_id(location: str) -> str:
    """Return the id of a Location resource."""
    return f"loc-{location}"
