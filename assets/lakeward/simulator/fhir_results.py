"""DiagnosticReport, Observation and Provenance: what a test found and who looked at it."""

from collections.abc import Iterator
from datetime import datetime

from lakeward.simulator import fhir_terms as fhir
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.fact_records import Acuity, Review
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital_records import Order

_SECTIONS = {"lab": ("LAB", "Laboratory"), "imaging": ("RAD", "Radiology")}


def report(found: Order, resulted_at: datetime, clock: FacilityClock) -> Iterator[Resource]:
    """Yield the report on an order, and what a laboratory measured for it."""
    section = fhir.concept(fhir.V2 + "0074", *_SECTIONS[found.category])
    body = fhir.resource("DiagnosticReport", found, f"rep-{found.id}") | {
        "identifier": [fhir.identifier("urn:lakeward:filler", found.filler, "FILL")],
        "basedOn": [fhir.reference("ServiceRequest", found.id)],
        "category": [section],
        "code": fhir.concept(*found.code),
        "issued": clock.fhir(resulted_at),
        **_about(found.patient, found.visit, resulted_at, clock),
    }
    measured = found.category == "lab"
    if measured:
        body["result"] = [fhir.reference("Observation", f"obs-{found.id}")]
    yield body
    if measured:
        yield _measurement(found, resulted_at, clock)


def _about(patient: str, visit: str, at: datetime, clock: FacilityClock) -> Resource:
    return {
        "status": "final",
        "subject": fhir.reference("Patient", patient),
        "encounter": fhir.reference("Encounter", visit),
        "effectiveDateTime": clock.fhir(at),
    }


def _measurement(found: Order, resulted_at: datetime, clock: FacilityClock) -> Resource:
    flags = fhir.V3 + "ObservationInterpretation"
    return fhir.resource("Observation", found, f"obs-{found.id}") | {
        "category": [fhir.concept(fhir.TERMS + "observation-category", "laboratory")],
        "code": fhir.concept(fhir.LOINC, "2823-3", "Potassium"),
        "valueQuantity": {"value": float(found.result), "unit": "mmol/L"},
        "interpretation": [fhir.concept(flags, found.flag)],
        **_about(found.patient, found.visit, resulted_at, clock),
    }


def acuity(found: Acuity, clock: FacilityClock) -> Resource:
    """Return the Observation of how urgent a visit is."""
    return fhir.resource("Observation", found) | {
        "category": [fhir.concept(fhir.TERMS + "observation-category", "survey")],
        "code": fhir.concept(fhir.LOINC, "75636-1", "Emergency severity index"),
        "valueInteger": int(found.level),
        **_about(found.patient, found.visit, found.stated_at, clock),
    }


def review(found: Review, clock: FacilityClock) -> Resource:
    """Return the Provenance by which a clinician vouches for having seen a result."""
    return fhir.resource("Provenance", found) | {
        "target": [fhir.reference("DiagnosticReport", f"rep-{found.order}")],
        "recorded": clock.fhir(found.stated_at),
        "agent": [
            {
                "type": fhir.concept(fhir.V3 + "ParticipationType", "REV", "reviewer"),
                "who": fhir.reference("Practitioner", found.reviewer),
            }
        ],
    }
