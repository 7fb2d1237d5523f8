"""Builders of HL7 messages and FHIR resources for the scenarios."""

import itertools
import json
from datetime import datetime
from typing import Any

_controls = itertools.count(1)
RECORD_NUMBER = {"coding": [{"code": "MR"}]}
RECORD_SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
PERMITTED = {"type": "permit", "purpose": [{"code": "TREAT"}]}


def stamp(at: datetime, digits: int = 14) -> str:
    """Write a time with this many digits."""
    return at.strftime("%Y%m%d%H%M%S")[:digits]


def message(trigger: str, at: str, *segments: str, sender: str = "ADT") -> str:
    """Write a message; `trigger` is such as ADT^A01."""
    header = f"MSH|^~\\&|{sender}|HOSP|LAKEWARD|HOSP|{at}||{trigger}|T{next(_controls)}|P|2.5.1"
    return "\r".join((header, *segments))


def pid(number: str, *, family: str = "Moss", birth: str = "19800214", **fields: str) -> str:
    """Write a PID; `number` is PID-3 in full or a bare record number, `p13` and the like others."""
    identifiers = number if "^" in number else f"{number}^^^HOSP^MR"
    values = {3: identifiers, 5: f"{family}^Ada", 7: birth, 8: "F", 1: "1"}
    values |= {int(name[1:]): value for name, value in fields.items()}
    return "PID|" + "|".join(values.get(index, "") for index in range(1, max(values) + 1))


def pv1(visit: str = "", visit_class: str = "I", bed: str = "", **fields: str) -> str:
    """Write a PV1; other fields are such as `p45`."""
    values = {1: "1", 2: visit_class, 3: bed, 19: f"{visit}^^^HOSP" if visit else ""}
    values |= {int(name[1:]): value for name, value in fields.items()}
    return "PV1|" + "|".join(values.get(index, "") for index in range(1, max(values) + 1))


def adt(
    trigger: str, at: datetime, patient: str, visit: str, *, evn: str = "", digits: int = 14
) -> str:
    """Write an ADT message of a PID and a PV1; `evn` is EVN-6."""
    event = f"EVN|{trigger}|{stamp(at, digits)}" + (f"||||{evn}" if evn else "")
    return message(f"ADT^{trigger}", stamp(at, digits), event, patient, visit)


def siu(
    trigger: str,
    at: str,
    patient: str,
    start: datetime | str,
    *,
    filler: str,
    placer: str = "",
    visit: str = "",
    status: str = "",
) -> str:
    """Write a SIU message about an appointment of half an hour."""
    begins = start if isinstance(start, str) else stamp(start)
    fields = ["SCH", placer, filler, *[""] * 4, "CHK^Check", "FUP^Follow up", "30", "MIN"]
    fields += [f"^^30^{begins}", *[""] * 13, status]
    segments = ["|".join(fields), patient, *([pv1(visit, "O")] if visit else [])]
    segments += ["RGS|1|A", "AIS|1|A|FUP^Follow up", "AIL|1|A|CLINA^^^HOSP"]
    segments += ["AIP|1|A|D100^Marsh^Ivo"]
    return message(f"SIU^{trigger}", at, *segments, sender="SCHED")


def instant(at: datetime) -> str:
    """Write a time of January at the hospital as FHIR does."""
    return at.strftime("%Y-%m-%dT%H:%M:%S-05:00")


def resource(kind: str, key: str, *, meta: dict[str, Any] | None = None, **elements: Any) -> str:
    """Write a resource as a line."""
    return json.dumps(
        {"resourceType": kind, "id": key, **({"meta": meta} if meta else {}), **elements}
    )


def patient(key: str, **elements: Any) -> str:
    """Write a patient who can be reached on a mobile phone."""
    usual: dict[str, Any] = {
        "identifier": [{"type": RECORD_NUMBER, "system": RECORD_SYSTEM, "value": key}],
        "name": [{"use": "official", "family": "Moss", "given": ["Ada"]}],
        "birthDate": "1980-01-02",
        "gender": "female",
        "telecom": [{"system": "phone", "use": "mobile", "value": "+16175550123"}],
    }
    return resource("Patient", key.lower(), **usual | elements)


def permit(key: str, **elements: Any) -> str:
    """Write a consent of last year by which the patient may be contacted."""
    usual: dict[str, Any] = {
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": f"Patient/{key.lower()}"},
        "dateTime": "2025-01-01T10:00:00Z",
        "provision": PERMITTED,
    }
    return resource("Consent", f"{key.lower()}-c", **usual | elements)


def appointment(
    key: str, status: str, start: datetime | str, *, meta: dict[str, Any] | None = None, **more: Any
) -> str:
    """Write an appointment of half an hour."""
    usual: dict[str, Any] = {
        "identifier": [{"system": "urn:lakeward:appointment", "value": key}],
        "status": status,
        "start": start if isinstance(start, str) else instant(start),
        "minutesDuration": 30,
        "created": "2026-01-02T09:00:00-05:00",
        "participant": [
            {"actor": {"reference": f"Patient/{key.lower()}"}, "status": "needs-action"}
        ],
    }
    return resource("Appointment", f"{key.lower()}-a", meta=meta, **usual | more)
