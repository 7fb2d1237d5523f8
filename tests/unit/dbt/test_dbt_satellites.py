"""What a patient reacts to, takes, is covered by and was asked: rows beside visits and orders.

All situations share a home; each has patients of its own, named by its key.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from canonical_folds import THROUGH, VARIABLES, build_canonical, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

DAY = "2026-01-06"
MRN = "urn:oid:2.16.840.1.113883.19.5"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

Json = dict[str, Any]


def _stamped(stamp: str) -> Json:
    return {"versionId": "1", "lastUpdated": stamp}


MORNING, NOON = _stamped("2026-01-06T13:00:00Z"), _stamped("2026-01-06T17:00:00Z")


def _coded(system: str, code: str, display: str | None = None) -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def _patient(key: str) -> Json:
    return {
        "resourceType": "Patient",
        "id": key,
        "meta": MORNING,
        "identifier": [{"system": MRN, "value": key}],
    }


def _message(key: str, at: str, trigger: str, *segments: str) -> str:
    control = f"{key}-{at}"
    header = f"MSH|^~\\&|REG|HOSP|||{at}||{trigger}|{control}|P|2.5.1"
    person = f"PID|1||{key}^^^2.16.840.1.113883.19.5&2.16.840.1.113883.19.5&ISO^MR||Case^{key}"
    return "\r".join((header, f"EVN||{at}", person, *segments))


def _allergy(key: str, number: int, meta: Json, **more: Any) -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "id": f"{key}-{number}",
        "meta": meta,
        "patient": {"reference": f"Patient/{key}"},
        "clinicalStatus": _coded("c", "active"),
        "verificationStatus": _coded("v", "confirmed"),
        "code": _coded(SNOMED, "91936005", "Penicillin"),
        **more,
    }


ALLERGIES: dict[str, tuple[list[Json], list[str], str]] = {
    "both formats, worst reaction": (
        [
            _allergy(
                "A1",
                1,
                MORNING,
                category=["medication", "food"],
                criticality="high",
                reaction=[{"severity": "mild"}, {"severity": "severe"}],
            )
        ],
        [_message("A1", "20260106120000", "ADT^A08", "AL1|1|FA|PEA^Peanut^L|MO^^")],
        "Peanut food moderate active; Penicillin food,medication severe active",
    ),
    "refuted later": (
        [
            _allergy("A2", 1, MORNING),
            _allergy("A2", 2, NOON, verificationStatus=_coded("v", "refuted")),
        ],
        [],
        "",
    ),
    "refuted before it was confirmed": (
        [
            _allergy("A3", 1, NOON),
            _allergy("A3", 2, MORNING, verificationStatus=_coded("v", "refuted")),
        ],
        [],
        "Penicillin   active",
    ),
    "an error takes back itself alone": (
        [
            _allergy("A4", 1, MORNING),
            _allergy("A4", 2, NOON, verificationStatus=_coded("v", "entered-in-error")),
        ],
        [],
        "Penicillin   active",
    ),
    "resolved": (
        [_allergy("A5", 1, MORNING, clinicalStatus=_coded("c", "resolved"))],
        [],
        "Penicillin   resolved",
    ),
    "a shorter list is no evidence": (
        [],
        [
            _message(
                "A6",
                "20260106090000",
                "ADT^A01",
                "AL1|1|DA|PEN^Penicillin|SV",
                "AL1|2|MA|X^Latex|U",
            ),
            _message("A6", "20260106100000", "ADT^A08", "AL1|1|DA|PEN^Penicillin|MI"),
        ],
        "Latex other unknown active; Penicillin medication mild active",
    ),
    "unknown codes": (
        [],
        [_message("A7", "20260106090000", "ADT^A01", "AL1|1|QQ|PEN^Penicillin|ZZ")],
        "Penicillin unmapped unmapped active",
    ),
    "codes left out": (
        [],
        [_message("A8", "20260106090000", "ADT^A01", "AL1|1||PEN^Penicillin|")],
        "Penicillin   active",
    ),
}
"""Situation: resources, messages, and the substances with categories, severity and status."""


def _request(key: str, number: int, **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": f"{key}-{number}",
        "meta": MORNING,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{key}"},
        "medicationCodeableConcept": _coded(RXNORM, str(number), f"Drug {number}"),
        "authoredOn": "2026-01-02T10:00:00Z",
        **more,
    }


def _supply(**period: str) -> Json:
    return {"dispenseRequest": {"validityPeriod": period}}


MEDICATIONS: dict[str, tuple[list[Json], str]] = {
    "active": ([_request("M1", 1)], "Drug 1 active True"),
    "its period is over": ([_request("M2", 1, **_supply(end="2026-01-05"))], "Drug 1 active False"),
    "ends today": ([_request("M3", 1, **_supply(end="2026-01-07"))], "Drug 1 active True"),
    "begins tomorrow": ([_request("M4", 1, **_supply(start="2026-02"))], "Drug 1 active False"),
    "stopped": ([_request("M5", 1, status="stopped")], "Drug 1 ended False"),
    "replaced": (
        [
            _request("M6", 1),
            _request("M6", 2, priorPrescription={"reference": "MedicationRequest/M6-1"}),
        ],
        "Drug 1 active False; Drug 2 active True",
    ),
    "not to be given, proposed, in error": (
        [
            _request("M7", 1, doNotPerform=True),
            _request("M7", 2, intent="proposal"),
            _request("M7", 3, status="entered-in-error"),
        ],
        "",
    ),
    "a status that nobody knows": ([_request("M8", 1, status="maybe")], "Drug 1 unmapped False"),
    "reported by the patient": (
        [
            {
                "resourceType": "MedicationStatement",
                "id": "M9-1",
                "meta": MORNING,
                "status": "active",
                "subject": {"reference": "Patient/M9"},
                "medicationReference": {"reference": "Medication/M9-drug"},
                "effectivePeriod": {"start": "2025"},
            },
            {
                "resourceType": "Medication",
                "id": "M9-drug",
                "meta": MORNING,
                "code": _coded(RXNORM, "9", "Drug 9"),
            },
        ],
        "Drug 9 active True",
    ),
}


def _order(key: str) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": f"{key}-order",
        "meta": MORNING,
        "status": "active",
        "intent": "order",
        "identifier": [{"type": _coded("t", "PLAC"), "system": "urn:lab", "value": f"{key}-P1"}],
        "subject": {"reference": f"Patient/{key}"},
        "code": _coded("http://loinc.org", "2951-2", "Sodium"),
    }


def _report(key: str, number: int = 1, meta: Json = MORNING, **more: Any) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"{key}-report{number}",
        "meta": meta,
        "status": "final",
        "subject": {"reference": f"Patient/{key}"},
        "code": _coded("http://loinc.org", "2951-2", "Sodium"),
        "issued": meta["lastUpdated"],
        **more,
    }


def _of_order(key: str) -> Json:
    return {"basedOn": [{"reference": f"ServiceRequest/{key}-order"}]}


def _observation(key: str, *codes: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"{key}-observation",
        "meta": MORNING,
        "status": "final",
        "subject": {"reference": f"Patient/{key}"},
        "code": _coded("http://loinc.org", "2951-2", "Sodium"),
        "interpretation": [_coded("i", code) for code in codes],
    }


def _of_observation(key: str) -> Json:
    return {"result": [{"reference": f"Observation/{key}-observation"}]}


def _review(key: str, focus: str, at: str | None) -> Json:
    done = (
        {"status": "completed", "executionPeriod": {"end": at}} if at else {"status": "requested"}
    )
    return {
        "resourceType": "Task",
        "id": f"{key}-review",
        "meta": NOON,
        "intent": "order",
        "code": _coded("t", "review_result"),
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{key}"},
        **done,
    }


def _result(key: str, at: str, status: str, flag: str, test: str = "2951-2^Sodium^LN") -> str:
    return _message(
        key,
        at,
        "ORU^R01",
        f"ORC|RE|{key}-P1^urn:lab|{key}-F1^LAB",
        f"OBR|1|{key}-P1^urn:lab|{key}-F1^LAB|{test}|||{at}|||||||||||||||{at}||LAB|{status}",
        f"OBX|1|NM|{test}||1||| {flag}".replace(" ", "") + f"|||{status}",
    )


RESULTS: dict[str, tuple[list[Json], list[str], str]] = {
    "a report that nobody ordered": ([_report("R1")], [], "False final None False none False"),
    "a report on an order": (
        [_order("R2"), _report("R2", **_of_order("R2"))],
        [],
        "True final None False none False",
    ),
    "the order is named by its number": (
        [
            _order("R3"),
            _report("R3", identifier=[{"system": "urn:elsewhere", "value": "R3-P1"}]),
        ],
        [],
        "True final None False none False",
    ),
    "a message and a report on one order are one": (
        [_order("R4"), _report("R4", **_of_order("R4"), status="preliminary")],
        [_result("R4", "20260106090000", "F", "HH")],
        "True final critical True none False",
    ),
    "two reports on one order": (
        [
            _order("R5"),
            _report("R5", 1, **_of_order("R5")),
            _report("R5", 2, **_of_order("R5"), status="partial"),
        ],
        [],
        "True final None False none False; True partial None False none False",
    ),
    "the worst interpretation counts": (
        [_observation("R6", "N", "LL", "H"), _report("R6", **_of_observation("R6"))],
        [],
        "False final critical True none False",
    ),
    "an interpretation that nobody knows": (
        [_observation("R7", "N", "odd"), _report("R7", **_of_observation("R7"))],
        [],
        "False final unmapped False none False",
    ),
    "corrected by a message": (
        [],
        [
            _result("R8", "20260106090000", "F", "HH"),
            _result("R8", "20260106100000", "C", "N"),
        ],
        "True corrected normal False none False",
    ),
    "reviewed": (
        [_report("R9"), _review("R9", "DiagnosticReport/R9-report1", "2026-01-06T15:00:00Z")],
        [],
        "False final None False task True",
    ),
    "its review is open": (
        [_report("R10"), _review("R10", "DiagnosticReport/R10-report1", None)],
        [],
        "False final None False task False",
    ),
    "corrected after the review": (
        [
            _report("R11", 1, MORNING),
            _report("R11", 1, NOON, status="corrected"),
            _review("R11", "DiagnosticReport/R11-report1", "2026-01-06T15:00:00Z"),
        ],
        [],
        "False corrected None False task False",
    ),
    "the time of issue stays on a correction": (
        [
            _report("R12", 1, MORNING),
            _report("R12", 1, NOON, status="amended", issued=MORNING["lastUpdated"]),
            _review("R12", "DiagnosticReport/R12-report1", "2026-01-06T15:00:00Z"),
        ],
        [],
        "False corrected None False task False",
    ),
    "the review of the order": (
        [
            _order("R13"),
            _report("R13", **_of_order("R13")),
            _review("R13", "ServiceRequest/R13-order", "2026-01-06T15:00:00Z"),
        ],
        [],
        "True final None False task True",
    ),
    "the laboratory verified it, nobody reviewed it": (
        [
            _report("R14"),
            {
                "resourceType": "Provenance",
                "id": "R14-provenance",
                "meta": MORNING,
                "target": [{"reference": "DiagnosticReport/R14-report1"}],
                "recorded": "2026-01-06T16:00:00Z",
                "agent": [{"type": _coded("a", "verifier"), "who": {"display": "Lab"}}],
            },
        ],
        [],
        "False final None False none False",
    ),
    "reviewed by a provenance": (
        [
            _report("R15"),
            {
                "resourceType": "Provenance",
                "id": "R15-provenance",
                "meta": MORNING,
                "target": [{"reference": "DiagnosticReport/R15-report1/_history/1"}],
                "recorded": "2026-01-06T16:00:00Z",
                "agent": [{"type": _coded("a", "REV"), "who": {"display": "Ward"}}],
            },
        ],
        [],
        "False final None False provenance True",
    ),
    "entered in error": ([_report("R16", status="entered-in-error")], [], ""),
    "a status that nobody knows": (
        [_report("R17", status="done")],
        [],
        "False unmapped None False none False",
    ),
}
"""Situation: resources, messages, and of each result whether it has an order, its status, its
interpretation, whether it is critical, the review signal and whether it is reviewed."""


def _cover(key: str, number: int = 1, **more: Any) -> Json:
    return {
        "resourceType": "Coverage",
        "id": f"{key}-cover{number}",
        "meta": MORNING,
        "status": "active",
        "beneficiary": {"reference": f"Patient/{key}"},
        "payor": [{"reference": "Organization/payer"}],
        "subscriberId": f"MEM{number}",
        **more,
    }


def _answer(key: str, created: str, **insurance: Any) -> Json:
    return {
        "resourceType": "CoverageEligibilityResponse",
        "id": f"{key}-answer{created}",
        "meta": MORNING,
        "status": "active",
        "outcome": "complete",
        "created": created,
        "patient": {"reference": f"Patient/{key}"},
        "insurance": [
            {"coverage": {"reference": f"Coverage/{key}-cover1"}, **insurance},
            {"coverage": {"reference": "Coverage/another"}},
        ],
    }


COVERS: dict[str, tuple[list[Json], list[str], str]] = {
    "in force, its payer named": (
        [
            _cover("C1"),
            {"resourceType": "Organization", "id": "payer", "meta": MORNING, "name": "Coastal"},
        ],
        [],
        "Coastal MEM1 active True ",
    ),
    "over": ([_cover("C2", period={"end": "2025"})], [], "Coastal MEM1 active False "),
    "for ever": (
        [_cover("C9", period={"end": "9999-12-31"})],
        [],
        "Coastal MEM1 active True ",
    ),
    "not begun": ([_cover("C3", period={"start": "2026-02"})], [], "Coastal MEM1 active False "),
    "the payer says no": (
        [
            _cover("C4"),
            _answer("C4", "2026-01-05", inforce=True),
            _answer("C4", "2026-01-06", inforce=False),
        ],
        [],
        "Coastal MEM1 active False not_in_force",
    ),
    "an answer that says nothing": (
        [_cover("C5"), _answer("C5", "2026-01-05")],
        [],
        "Coastal MEM1 active True answered",
    ),
    "entered in error": ([_cover("C6", status="entered-in-error")], [], ""),
    "replaced by the next list": (
        [],
        [
            _message(
                "C7",
                "20260106090000",
                "ADT^A01",
                "IN1|1|P1|1^^^X|Old Payer||||||||||||||||||||||||||||||||OLD1",
                "IN1|2|P2|2^^^X|Second||||||||||||||||||||||||||||||||SEC1",
            ),
            _message(
                "C7",
                "20260106100000",
                "ADT^A08",
                "IN1|1|P2|2^^^X|Second||||||||||||||||||||||||||||||||SEC1",
            ),
        ],
        "Old Payer OLD1 replaced False ; Second SEC1 active True ",
    ),
    "its last day was yesterday": (
        [],
        [
            _message(
                "C8",
                "20260106090000",
                "ADT^A01",
                "IN1|1|P1|1^^^X|Payer|||||||||20260105|||||||||||||||||||||||MEM1",
            )
        ],
        "Payer MEM1 active False ",
    ),
}
"""Situation: resources, messages, and of each cover payer, number, status, whether it is in force
and the answer of the payer."""


def _claim(key: str, **more: Any) -> Json:
    return {
        "resourceType": "ClaimResponse",
        "id": f"{key}-claim",
        "meta": MORNING,
        "status": "active",
        "use": "preauthorization",
        "outcome": "complete",
        "patient": {"reference": f"Patient/{key}"},
        "preAuthRef": f"{key}-PA",
        **more,
    }


def _reviewed(code: str) -> Json:
    base = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewAction"
    action = {"url": f"{base}Code", "valueCodeableConcept": _coded("x12", code)}
    adjudication = {
        "category": _coded("c", "submitted"),
        "extension": [{"url": base, "extension": [action]}],
    }
    return {"itemSequence": 1, "adjudication": [adjudication]}


AUTHORISATIONS: dict[str, tuple[list[Json], list[str], str]] = {
    "approved": ([_claim("P1")], [], "P1-PA approved  True"),
    "one item denied": (
        [_claim("P2", item=[_reviewed("A1"), _reviewed("A3")])],
        [],
        "P2-PA denied  False",
    ),
    "over": ([_claim("P3", preAuthPeriod={"end": "2026-01-05"})], [], "P3-PA approved  False"),
    "the answer to a claim is none": ([_claim("P4", use="claim")], [], ""),
    "the payer has not answered": (
        [_claim("P5", outcome="queued", preAuthRef=None)],
        [],
        " pending  False",
    ),
    "a referral with units": (
        [],
        [
            _message("P6", "20260106090000", "REF^I12").replace(
                "PID|", "RF1|A|R|||C|P6-REF|20260101|20260301|||||||12^V|3^V\rPID|", 1
            )
        ],
        " approved 12.0 True",
    ),
    "an authorisation in a referral": (
        [],
        [
            _message("P7", "20260106090000", "REF^I12").replace(
                "PID|",
                "RF1|A|R|||C|P7-REF|||||||||12^V|12^V\r"
                "AUT|PLAN|CO|Payer|20260101|20260301|P7-PA|||12\rPID|",
                1,
            )
        ],
        "P7-PA approved 12.0 False",
    ),
    "certification is required": (
        [],
        [_message("P8", "20260106090000", "ADT^A01", "IN1|1|P|1|Payer", "IN3|1|||Y")],
        " required  False",
    ),
}
"""Situation: resources, messages, and of each authorisation its number, status, units and whether
it holds."""


def _appointment(key: str) -> Json:
    return {
        "resourceType": "Appointment",
        "id": f"{key}-appointment",
        "meta": MORNING,
        "status": "booked",
        "start": "2026-01-09T15:00:00Z",
        "end": "2026-01-09T15:30:00Z",
        "participant": [{"actor": {"reference": f"Patient/{key}"}, "status": "accepted"}],
    }


def _response(key: str, number: int, meta: Json, status: str, actor: str) -> Json:
    return {
        "resourceType": "AppointmentResponse",
        "id": f"{key}-answer{number}",
        "meta": meta,
        "appointment": {"reference": f"Appointment/{key}-appointment"},
        "actor": {"reference": actor},
        "participantStatus": status,
    }


ANSWERS: dict[str, tuple[list[Json], str]] = {
    "the latest answer counts": (
        [
            _appointment("W1"),
            _response("W1", 1, NOON, "declined", "Patient/W1"),
            _response("W1", 2, MORNING, "accepted", "Patient/W1"),
        ],
        "patient declined True",
    ),
    "each who answers": (
        [
            _appointment("W2"),
            _response("W2", 1, MORNING, "accepted", "Patient/W2"),
            _response("W2", 2, MORNING, "tentative", "RelatedPerson/mother"),
        ],
        "patient accepted True; related_person tentative True",
    ),
}
"""Situation: resources, and of each answer who gave it, what it is and whether it has a visit."""


def _communication(key: str, **more: Any) -> Json:
    return {
        "resourceType": "Communication",
        "id": f"{key}-message",
        "meta": MORNING,
        "status": "completed",
        "subject": {"reference": f"Patient/{key}"},
        "sent": "2026-01-05",
        **more,
    }


MESSAGES: dict[str, tuple[list[Json], str]] = {
    "about an appointment": (
        [
            _appointment("K1"),
            _communication("K1", about=[{"reference": "Appointment/K1-appointment"}]),
        ],
        "message to_patient completed True",
    ),
    "from the patient": (
        [_communication("K2", sender={"reference": "Patient/K2"})],
        "message from_patient completed False",
    ),
    "asked for": (
        [
            {
                "resourceType": "CommunicationRequest",
                "id": "K3-request",
                "meta": MORNING,
                "status": "active",
                "subject": {"reference": "Patient/K3"},
            }
        ],
        "request to_patient active False",
    ),
    "in error, not to be sent": (
        [
            _communication("K4", status="entered-in-error"),
            {
                "resourceType": "CommunicationRequest",
                "id": "K4-request",
                "meta": MORNING,
                "status": "active",
                "doNotPerform": True,
                "subject": {"reference": "Patient/K4"},
            },
        ],
        "",
    ),
}
"""Situation: resources, and of each message its kind, direction, status and whether its visit is
known."""


def _form(key: str, status: str) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": f"{key}-form",
        "meta": MORNING,
        "status": status,
        "questionnaire": "https://hosp.example.org/intake",
        "subject": {"reference": f"Patient/{key}"},
        "authored": "2026-01-05",
    }


def _document(key: str, status: str, draft: str) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": f"{key}-document",
        "meta": MORNING,
        "status": status,
        "docStatus": draft,
        "type": _coded("t", "intake"),
        "subject": {"reference": f"Patient/{key}"},
        "content": [{"attachment": {"contentType": "text/plain"}}],
    }


FORMS: dict[str, tuple[list[Json], list[str], str]] = {
    "filled in": ([_form("F1", "completed")], [], "questionnaire complete True"),
    "begun": ([_form("F2", "in-progress")], [], "questionnaire in_progress False"),
    "a draft": ([_document("F3", "current", "preliminary")], [], "document in_progress False"),
    "a draft in error": ([_document("F4", "current", "entered-in-error")], [], ""),
    "refused after it was pending": (
        [],
        [
            _message("F5", "20260106090000", "ADT^A01", "CON|1|002|V1||||||||P"),
            _message("F5", "20260106100000", "ADT^A08", "CON|1|002|V1||||||||R"),
        ],
        "consent_form refused False",
    ),
    "a status that nobody knows": (
        [],
        [_message("F6", "20260106090000", "ADT^A01", "CON|1|002|V1||||||||Q")],
        "consent_form unmapped False",
    ),
}
"""Situation: resources, messages, and of each form its kind, its status and whether it is
complete."""

ROLES: list[Json] = [
    {
        "resourceType": "Practitioner",
        "id": "doctor",
        "meta": MORNING,
        "name": [{"family": "Able"}],
    },
    {
        "resourceType": "PractitionerRole",
        "id": "doctor-now",
        "meta": MORNING,
        "practitioner": {"reference": "Practitioner/doctor"},
        "specialty": [
            _coded(SNOMED, "394579002", "Cardiology"),
            _coded(SNOMED, "394591006", "Neurology"),
        ],
        "period": {"start": "2025"},
    },
    {
        "resourceType": "PractitionerRole",
        "id": "doctor-before",
        "meta": MORNING,
        "practitioner": {"reference": "Practitioner/doctor"},
        "specialty": [{"text": "Anaesthesia"}],
        "period": {"end": "2024"},
    },
]
STAFF = "\r".join(
    (
        "MSH|^~\\&|HIS|HOSP|||20260106080000||MFN^M02^MFN_M02|staff|P|2.5.1",
        "MFI|STF^^HL70175||UPD|20260106|20260106|NE",
        "MFE|MAD|1|20260106080000|staff-1|CWE",
        "STF|staff-1|staff-1^^^HOSP^EI|Baker^Bea||||A",
        "PRA|staff-1||||Radiology^Board^C~Oncology^Board^C",
    )
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("satellites") / "home"
    landing = load_settings(home).home.landing
    resources = [r for each, _, _ in ALLERGIES.values() for r in each]
    resources += [r for each, _ in MEDICATIONS.values() for r in each]
    resources += [r for each, _, _ in RESULTS.values() for r in each]
    both = [*ALLERGIES.values(), *COVERS.values(), *FORMS.values()]
    of_orders = [*RESULTS.values(), *AUTHORISATIONS.values()]
    resources += [r for each, _, _ in (*COVERS.values(), *AUTHORISATIONS.values()) for r in each]
    resources += [r for each, _, _ in FORMS.values() for r in each]
    resources += [r for each, _ in (*ANSWERS.values(), *MESSAGES.values()) for r in each]
    messages = [*(m for _, each, _ in both for m in each), STAFF]
    results = [m for _, each, _ in of_orders for m in each]
    people = {key: _patient(key) for key in _keys(resources)}
    _deliver(landing / "ehr_fhir" / DAY, "all.ndjson", [*people.values(), *resources, *ROLES])
    _deliver(landing / "adt_hl7" / DAY, "adt.hl7", messages)
    _deliver(landing / "orders_hl7" / DAY, "oru.hl7", results)
    load_landed(home, THROUGH)
    built: Connection = build_canonical(home, VARIABLES)
    return built


def _keys(resources: list[Json]) -> list[str]:
    return sorted({str(r["id"]).split("-")[0] for r in resources})


def _mrn(resources: list[Json], messages: list[str]) -> str:
    return _keys(resources)[0] if resources else messages[0].split("PID|1||")[1].split("^")[0]


def _deliver(folder: Path, name: str, records: list[Any]) -> None:
    folder.mkdir(parents=True)
    lines = [r if isinstance(r, str) else json.dumps(r) + "\n" for r in records]
    (folder / name).write_bytes("".join(f"{r}\r" if r[0] == "M" else r for r in lines).encode())
    (folder / MARKER).touch()


def _words(store: Connection, query: str, mrn: str) -> str:
    rows = store.execute(query, [mrn]).fetchall()
    return "; ".join(sorted(" ".join("" if v is None else str(v) for v in row) for row in rows))


OF_PATIENT = "inner join canonical__patient as p on p.patient_key = t.patient_key where p.mrn = ?"


@pytest.mark.parametrize("situation", ALLERGIES)
def test_what_is_stated_last_of_a_substance_counts(store: Connection, situation: str) -> None:
    resources, messages, expected = ALLERGIES[situation]
    query = (
        "select display, array_to_string(list_sort(categories), ','), severity, clinical_status"
        f" from canonical__allergy as t {OF_PATIENT}"
    )
    assert _words(store, query, _mrn(resources, messages)) == expected


@pytest.mark.parametrize("situation", MEDICATIONS)
def test_only_what_is_current_is_active(store: Connection, situation: str) -> None:
    resources, expected = MEDICATIONS[situation]
    query = f"select display, status, is_active from canonical__medication as t {OF_PATIENT}"
    assert _words(store, query, _keys(resources)[0]) == expected


@pytest.mark.parametrize("situation", RESULTS)
def test_a_result_is_what_was_reported_and_who_looked(store: Connection, situation: str) -> None:
    resources, messages, expected = RESULTS[situation]
    query = (
        "select order_key is not null, result_status, coalesce(abnormal_flag, 'None'), is_critical,"
        f" review_signal, is_reviewed from canonical__diagnostic_result as t {OF_PATIENT}"
    )
    assert _words(store, query, _mrn(resources, messages)) == expected


@pytest.mark.parametrize("situation", COVERS)
def test_a_cover_is_in_force_or_it_is_not(store: Connection, situation: str) -> None:
    resources, messages, expected = COVERS[situation]
    query = (
        "select payer_name, member_number, status, is_in_force, eligibility"
        f" from canonical__coverage as t {OF_PATIENT}"
    )
    assert _words(store, query, _mrn(resources, messages)) == expected


def test_a_cover_for_ever_has_no_end(store: Connection) -> None:
    query = f"select period_end_at is null from canonical__coverage as t {OF_PATIENT}"
    assert _words(store, query, "C9") == "True"


@pytest.mark.parametrize("situation", AUTHORISATIONS)
def test_an_authorisation_holds_or_it_does_not(store: Connection, situation: str) -> None:
    resources, messages, expected = AUTHORISATIONS[situation]
    query = (
        "select authorisation_number, authorisation_status, authorised_units, is_valid"
        f" from canonical__authorisation as t {OF_PATIENT}"
    )
    assert _words(store, query, _mrn(resources, messages)) == expected


@pytest.mark.parametrize("situation", ANSWERS)
def test_the_latest_answer_of_each_counts(store: Connection, situation: str) -> None:
    resources, expected = ANSWERS[situation]
    query = (
        "select actor_kind, answer, t.visit_key in (select visit_key from canonical__visit)"
        f" from canonical__appointment_response as t {OF_PATIENT}"
    )
    assert _words(store, query, _keys(resources)[0]) == expected


@pytest.mark.parametrize("situation", MESSAGES)
def test_a_message_is_of_its_patient_and_appointment(store: Connection, situation: str) -> None:
    resources, expected = MESSAGES[situation]
    query = (
        "select communication_kind, direction, status, t.visit_key is not null"
        f" from canonical__communication as t {OF_PATIENT}"
    )
    assert _words(store, query, _keys(resources)[0]) == expected


@pytest.mark.parametrize("situation", FORMS)
def test_a_form_is_complete_or_it_is_not(store: Connection, situation: str) -> None:
    resources, messages, expected = FORMS[situation]
    query = f"select form_kind, intake_status, is_complete from canonical__intake as t {OF_PATIENT}"
    assert _words(store, query, _mrn(resources, messages)) == expected


def test_a_practitioner_has_the_specialty_of_a_role_that_holds(store: Connection) -> None:
    query = (
        "select p.family_name, r.specialty, r.is_active, p.specialty"
        " from canonical__practitioner_role as r"
        " inner join canonical__practitioner as p on p.practitioner_key = r.practitioner_key"
        " where p.family_name <> ?"
    )
    assert _words(store, query, "nobody") == (
        "Able Anaesthesia False Cardiology; Able Cardiology True Cardiology;"
        " Able Neurology True Cardiology;"
        " Baker Oncology True Radiology; Baker Radiology True Radiology"
    )


def test_codes_that_no_map_knows_are_counted(store: Connection) -> None:
    counted = store.execute(
        "select code_map, from_code from canonical__unmapped_code order by all"
    ).fetchall()
    assert set(counted) >= {
        ("allergy_category", "QQ"),
        ("allergy_severity", "ZZ"),
        ("medication_status", "maybe"),
        ("abnormal_flag", "odd"),
        ("result_status", "done"),
        ("intake_status", "Q"),
    }
