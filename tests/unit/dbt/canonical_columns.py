"""Small deliveries for the columns of canonical tables: what is stated, question and answer."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
MRN = "urn:oid:2.16.840.1.113883.19.5"
META = {"versionId": "1", "lastUpdated": "2026-01-05T14:00:00Z"}
_controls = itertools.count(1)
RECORD_NUMBER = {"coding": [{"code": "MR"}]}


@dataclass(frozen=True)
class Situation:
    """What is stated, and what must come of it.

    Attributes:
        query: Asks the store; the answer is `rows`.
    """

    query: str
    rows: list[tuple[Any, ...]]
    messages: dict[str, list[str]] = field(default_factory=dict)
    resources: list[Json] = field(default_factory=list)


def hl7(trigger: str, at: str, *segments: str, sender: str = "EHR") -> str:
    """Write a message."""
    header = f"MSH|^~\\&|{sender}|LKWD|LAKEWARD|LKWD|{at}||{trigger}|C{next(_controls)}|P|2.5.1"
    return "\r".join((header, *segments)) + "\r"


def fields(name: str, **values: str) -> str:
    """Write a segment; values are such as `f19`."""
    numbered = {int(key[1:]): value for key, value in values.items()}
    return "|".join((name, *(numbered.get(n, "") for n in range(1, max(numbered) + 1))))


def pid(number: str, **values: str) -> str:
    """Write the PID of a patient."""
    given = {"f3": f"{number}^^^LKWD^MR", "f5": "Moss^Ada", "f7": "19800214", "f8": "F"}
    return fields("PID", **(given | values))


def pv1(number: str, **values: str) -> str:
    """Write the PV1 of a visit of an emergency."""
    return fields(
        "PV1", **({"f2": "E", "f3": "EDC^1^1^LKWD", "f19": f"{number}^^^LKWD^VN"} | values)
    )


def patient(number: str, **elements: Any) -> Json:
    """Return a Patient."""
    identifier = [{"system": MRN, "value": number, "type": RECORD_NUMBER}]
    return resource("Patient", f"p-{number}", **({"identifier": identifier} | elements))


def resource(kind: str, key: str, **elements: Any) -> Json:
    """Return a resource."""
    return {"resourceType": kind, "id": key, "meta": META} | elements


def ndjson(resources: list[Json]) -> str:
    """Write resources as lines."""
    return "".join(json.dumps(each) + "\n" for each in resources)
