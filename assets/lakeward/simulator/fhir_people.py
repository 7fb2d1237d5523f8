"""Resources about people, their roles and where they work: Patient, Practitioner, Location."""

from lakeward.simulator import fhir_terms as fhir
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital import REFERRERS, SPECIALTIES
from lakeward.simulator.hospital_records import (
    Consent,
    Location,
    Organization,
    Person,
    Practitioner,
)

_SEXES = {"F": "female", "M": "male"}


def patient(person: Person, clock: FacilityClock) -> Resource:
    """Return the Patient resource; merged records link to each other."""
    code, name = person.language
    found = fhir.resource("Patient", person) | {
        "identifier": [{"use": "usual", **fhir.identifier(fhir.MRN_SYSTEM, person.mrn, "MR")}],
        "active": person.active,
        "name": [
            {
                "use": "official",
                "family": person.family,
                "given": [part for part in (person.given, person.middle) if part],
            }
        ],
        "telecom": _telecom(person),
        "gender": _SEXES[person.sex],
        "birthDate": person.birth_date.isoformat(),
        "address": [_address(person)],
        "communication": [
            {"language": fhir.concept("urn:ietf:bcp:47", code, name), "preferred": True}
        ],
        "link": _links(person),
    }
    if person.interpreter is not None:
        needed = {"url": fhir.INTERPRETER, "valueBoolean": person.interpreter}
        found["extension"] = [needed]
    if person.deceased_at:
        found["deceasedDateTime"] = clock.fhir(person.deceased_at)
    # FHIR has no empty lists: an element without items is left out
    return {key: value for key, value in found.items() if value != []}


def _telecom(person: Person) -> list[Resource]:
    found: list[Resource] = []
    for use in ("mobile", "home", "work"):
        number = getattr(person, f"phone_{use}")
        if number:
            found.append({"system": "phone", "value": number, "use": use, "rank": len(found) + 1})
    if person.email:
        found.append({"system": "email", "value": person.email, "use": "home"})
    return found


def _address(person: Person) -> Resource:
    return {
        "use": "home",
        "line": [person.line],
        "city": person.city,
        "state": person.state,
        "postalCode": person.postal_code,
        "country": "US",
    }


def _links(person: Person) -> list[Resource]:
    links: list[Resource] = []
    if person.merged_into:
        other = fhir.reference("Patient", person.merged_into)
        links.append({"other": other, "type": "replaced-by"})
    replaced = (fhir.reference("Patient", retired) for retired in person.replaces)
    return links + [{"other": other, "type": "replaces"} for other in replaced]


def consent(found: Consent, clock: FacilityClock) -> Resource:
    """Return the Consent resource: one channel permitted or denied for treatment."""
    channel = fhir.concept("http://hl7.org/fhir/contact-point-system", found.channel)
    return fhir.resource("Consent", found) | {
        "status": "active",
        "scope": fhir.concept(fhir.TERMS + "consentscope", "patient-privacy"),
        "category": [fhir.concept(fhir.V3 + "ActCode", "INFA")],
        "patient": fhir.reference("Patient", found.patient),
        "dateTime": clock.fhir(found.decided_at),
        "policyRule": fhir.concept(fhir.V3 + "ActCode", "OPTIN" if found.permit else "OPTOUT"),
        "provision": {
            "type": "permit" if found.permit else "deny",
            "code": [channel],
            "purpose": [fhir.coding(fhir.V3 + "ActReason", "TREAT")],
        },
    }


def practitioner(found: Practitioner) -> Resource:
    """Return the Practitioner resource."""
    return fhir.resource("Practitioner", found) | {
        "identifier": [fhir.identifier(fhir.NPI_SYSTEM, found.npi, "NPI")],
        "active": True,
        "name": [
            {
                "use": "official",
                "family": found.family,
                "given": [found.given],
                "prefix": ["Dr."],
            }
        ],
    }


def role(found: Practitioner) -> Resource:
    """Return the PractitionerRole: what a clinician is, in which specialty and where."""
    body = fhir.resource("PractitionerRole", found, f"role-{found.id.removeprefix('prac-')}") | {
        "active": True,
        "practitioner": fhir.reference("Practitioner", found.id),
        "code": [fhir.concept(fhir.TERMS + "practitioner-role", "doctor", "Doctor")],
        "specialty": [fhir.concept(fhir.SNOMED, *SPECIALTIES[found.unit])],
    }
    # who refers from outside works at none of our locations
    if found.unit != REFERRERS:
        body["location"] = [fhir.reference("Location", fhir.location_id(found.unit))]
    return body


def organization(found: Organization) -> Resource:
    """Return the Organization resource."""
    kinds = {"prov": "prov", "team": "team", "practice": "prov", "payer": "pay"}
    body = fhir.resource("Organization", found) | {
        "active": True,
        "type": [fhir.concept(fhir.TERMS + "organization-type", kinds[found.code])],
        "name": found.name,
    }
    if found.phone:
        body["telecom"] = [{"system": "phone", "value": found.phone, "use": "work"}]
    return body


def location(found: Location) -> Resource:
    """Return the Location resource; beds have an operational status (table 0116)."""
    body = fhir.resource("Location", found, fhir.location_id(found.id)) | {
        "identifier": [fhir.identifier("urn:lakeward:location", found.id)],
        # a closed bed is out of service for now; `inactive` would mean that it is no longer there
        "status": "suspended" if found.status == "C" else "active",
        "name": found.name,
        "mode": "instance",
        "type": [fhir.concept(fhir.V3 + "RoleCode", found.role)],
        "physicalType": fhir.concept(
            fhir.TERMS + "location-physical-type", found.physical, fhir.PHYSICAL[found.physical]
        ),
        "managingOrganization": fhir.reference("Organization", "org-lkwd"),
    }
    if found.phone:
        body["telecom"] = [{"system": "phone", "value": found.phone, "use": "work"}]
    if found.status:
        text = fhir.BED_STATUS[found.status]
        body["operationalStatus"] = fhir.coding(fhir.V2 + "0116", found.status, text)
    if found.parent:
        body["partOf"] = fhir.reference("Location", fhir.location_id(found.parent))
    return body
