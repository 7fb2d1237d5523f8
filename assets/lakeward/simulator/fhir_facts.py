"""Coverage, ClaimResponse, AllergyIntolerance and their like: resources from facts."""

from collections.abc import Iterator

from lakeward.simulator import fhir_terms as fhir
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.fact_records import (
    Allergy,
    Authorisation,
    Insurance,
    IntakeForm,
    Notice,
    Prescription,
    Reply,
)
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital import CLINICS
from lakeward.simulator.world import World

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_FORMS = "https://ehr.lakeward.example/fhir"
_REVIEW = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewAction"
_FOODS = ("food", "environment")
"""Categories whose substances SNOMED CT names; drugs are named by RxNorm."""


def coverages(found: Insurance, world: World, clock: FacilityClock) -> Iterator[Resource]:
    """Yield the Coverage, and the payer's answer about it if one was asked for."""
    payer = fhir.reference("Organization", found.payer)
    period = {"start": clock.local(found.begins).date().isoformat()}
    if found.ends:
        period["end"] = clock.local(found.ends).date().isoformat()
    yield fhir.resource("Coverage", found) | {
        "status": found.status,
        "type": fhir.concept(fhir.V3 + "ActCode", found.plan),
        "subscriberId": found.member,
        "beneficiary": fhir.reference("Patient", found.patient),
        "period": period,
        "payor": [payer | {"display": world.hospital.organizations[found.payer].name}],
        "order": 1,
    }
    if found.changed_at:
        insurance: Resource = {"coverage": fhir.reference("Coverage", found.id)}
        pending = found.in_force == "queued"
        if not pending:
            insurance["inforce"] = found.in_force == "true"
        yield fhir.resource("CoverageEligibilityResponse", found, f"elig-{found.id}") | {
            "status": "active",
            "purpose": ["validation"],
            "patient": fhir.reference("Patient", found.patient),
            "created": clock.fhir(found.changed_at),
            "request": fhir.reference("CoverageEligibilityRequest", f"ask-{found.id}"),
            "outcome": "queued" if pending else "complete",
            "insurer": payer,
            "insurance": [insurance],
        }


def authorisation(found: Authorisation, world: World, clock: FacilityClock) -> Resource:
    """Return the ClaimResponse of a request for authorisation."""
    action = fhir.concept("https://codesystem.x12.org/005010/306", found.decision)
    code = {"url": f"{_REVIEW}Code", "valueCodeableConcept": action}
    submitted = fhir.concept(fhir.TERMS + "adjudication", "submitted")
    service = fhir.concept("urn:lakeward:service", found.service, CLINICS[found.service])
    name = world.hospital.organizations[found.payer].name
    return fhir.resource("ClaimResponse", found) | {
        "status": "active",
        "type": fhir.concept(fhir.TERMS + "claim-type", "professional"),
        "use": "preauthorization",
        "patient": fhir.reference("Patient", found.patient),
        "created": clock.fhir(found.changed_at or found.stated_at),
        "insurer": fhir.reference("Organization", found.payer) | {"display": name},
        "outcome": "queued" if found.decision == "A4" else "complete",
        "preAuthRef": found.number,
        "preAuthPeriod": {
            "start": clock.local(found.begins).date().isoformat(),
            "end": clock.local(found.ends).date().isoformat(),
        },
        "item": [
            {
                "itemSequence": 1,
                "adjudication": [
                    {"extension": [{"url": _REVIEW, "extension": [code]}], "category": submitted}
                ],
            }
        ],
        "addItem": [
            {
                "productOrService": service,
                "quantity": {"value": found.units},
                "adjudication": [{"category": submitted}],
            }
        ],
    }


def allergy(found: Allergy, clock: FacilityClock) -> Resource:
    """Return the AllergyIntolerance of a substance."""
    system = fhir.SNOMED if found.category in _FOODS else _RXNORM
    return fhir.resource("AllergyIntolerance", found) | {
        "clinicalStatus": fhir.concept(fhir.TERMS + "allergyintolerance-clinical", found.status),
        "verificationStatus": fhir.concept(
            fhir.TERMS + "allergyintolerance-verification", found.verification
        ),
        "type": found.type,
        "category": [found.category],
        "criticality": found.criticality,
        "code": fhir.concept(system, *found.substance),
        "patient": fhir.reference("Patient", found.patient),
        "recordedDate": clock.fhir(found.stated_at),
        "reaction": [
            {
                "manifestation": [fhir.concept(fhir.SNOMED, "247472004", "Hives")],
                "severity": found.severity,
            }
        ],
    }


def prescription(found: Prescription, clock: FacilityClock) -> Resource:
    """Return the MedicationRequest of a drug that a visit ends with."""
    begun = clock.fhir(found.stated_at)
    return fhir.resource("MedicationRequest", found) | {
        "status": found.status,
        "intent": "order",
        "medicationCodeableConcept": fhir.concept(_RXNORM, *found.drug),
        "subject": fhir.reference("Patient", found.patient),
        "encounter": fhir.reference("Encounter", found.visit),
        "authoredOn": begun,
        "requester": fhir.reference("Practitioner", found.practitioner),
        "dispenseRequest": {"validityPeriod": {"start": begun, "end": clock.fhir(found.ends)}},
    }


def form(found: IntakeForm, clock: FacilityClock) -> Resource:
    """Return the QuestionnaireResponse of a form; what it says is left out."""
    return fhir.resource("QuestionnaireResponse", found) | {
        "status": found.status,
        "questionnaire": f"{_FORMS}/{found.form}",
        "subject": fhir.reference("Patient", found.patient),
        "encounter": fhir.reference("Encounter", found.visit),
        "authored": clock.fhir(found.changed_at or found.stated_at),
        "source": fhir.reference("Patient", found.patient),
    }


def notice(found: Notice, clock: FacilityClock) -> Resource:
    """Return the Communication of a message to a patient; what it says is left out."""
    body = fhir.resource("Communication", found) | {
        "status": found.status,
        "category": [fhir.concept(fhir.TERMS + "communication-category", "notification")],
        "medium": [fhir.concept(fhir.V3 + "ParticipationMode", found.medium)],
        "topic": fhir.concept(fhir.TERMS + "communication-topic", "appointment-reminder"),
        "subject": fhir.reference("Patient", found.patient),
        "recipient": [fhir.reference("Patient", found.patient)],
        "sender": fhir.reference("Organization", "org-lkwd"),
        "about": [fhir.reference("Appointment", found.appointment)],
    }
    if found.reason:
        system = fhir.TERMS + "communication-not-done-reason"
        body["statusReason"] = fhir.concept(system, found.reason)
    if found.received_at:
        body["sent"] = clock.fhir(found.stated_at)
        body["received"] = clock.fhir(found.received_at)
    return body


def reply(found: Reply) -> Resource:
    """Return the AppointmentResponse of a patient; in R4 only its version has a time."""
    return fhir.resource("AppointmentResponse", found) | {
        "appointment": fhir.reference("Appointment", found.appointment),
        "actor": fhir.reference("Patient", found.patient),
        "participantStatus": found.answer,
    }
