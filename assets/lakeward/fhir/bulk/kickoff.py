"""The kick-off request in the three ways that servers understand; pure, nothing is sent here.

Source: HL7 Bulk Data Access, STU1 to STU4 ballot: `$export` and its parameters.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from lakeward.fhir.bulk.state import Job, Purpose
from lakeward.landing.bulk import BulkExport

Parameter = tuple[str, str, Any]
"""Name, `value[x]` key in a Parameters resource, value."""


@dataclass(frozen=True)
class KickOff:
    """A request that starts an export; `parameters` are for the log, without patients."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    parameters: Mapping[str, str]


def kick_off(bulk: BulkExport, job: Job, patients: Sequence[str] = ()) -> KickOff:
    """Make the kick-off request of a job.

    Args:
        bulk: The source's settings.
        job: What is asked for, and since when.
        patients: Ids of group members to export alone; these are always posted.
    """
    asked = parameters(bulk, job)
    named = [("patient", "valueReference", {"reference": f"Patient/{p}"}) for p in patients]
    url = _endpoint(bulk)
    shown: dict[str, str] = {}
    for name, _, value in asked:
        shown[name] = f"{shown[name]},{_plain(value)}" if name in shown else _plain(value)
    headers = {"Accept": "application/fhir+json", "Prefer": _prefer(bulk)}
    headers["Cache-Control"] = "no-cache"
    if patients or bulk.kickoff == "post_parameters":
        headers["Content-Type"] = "application/fhir+json"
        return KickOff("POST", url, headers, _resource([*asked, *named]), shown)
    pairs = list(shown.items()) if bulk.kickoff == "get_comma" else _pairs(asked)
    query = urlencode(pairs, quote_via=quote, safe=",:/")
    return KickOff("GET", f"{url}?{query}", headers, None, shown)


def parameters(bulk: BulkExport, job: Job) -> list[Parameter]:
    """List the parameters of a job, one value each."""
    if job.purpose is Purpose.membership:
        return [
            ("_outputFormat", "valueString", bulk.output_format),
            ("_type", "valueString", "Patient"),
            ("_elements", "valueString", "id"),
        ]
    found: list[Parameter] = [("_outputFormat", "valueString", bulk.output_format)]
    found += [
        (name, "valueInstant", instant(value))
        for name, value in (("_since", job.since), ("_until", job.until))
        if value
    ]
    found += [("_type", "valueString", name) for name in bulk.types]
    found += [("_elements", "valueString", name) for name in bulk.elements]
    found += [("includeAssociatedData", "valueCode", code) for code in bulk.associated_data]
    found += [("_typeFilter", "valueString", text) for text in bulk.type_filters]
    if bulk.partial_manifests:
        found.append(("allowPartialManifests", "valueBoolean", True))
    return found


def instant(value: datetime) -> str:
    """Write an instant as FHIR does, in UTC, to the millisecond."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _endpoint(bulk: BulkExport) -> str:
    within = {"system": "", "patient": "/Patient", "group": f"/Group/{bulk.group}"}[bulk.level]
    return f"{bulk.base_url}{within}/$export"


def _prefer(bulk: BulkExport) -> str:
    wishes = ["respond-async"]
    wishes += ["separate-export-status"] if bulk.separate_export_status else []
    wishes += ["handling=lenient"] if bulk.lenient else []
    return ", ".join(wishes)


def _resource(asked: Sequence[Parameter]) -> bytes:
    listed = [{"name": name, key: value} for name, key, value in asked]
    return json.dumps({"resourceType": "Parameters", "parameter": listed}).encode()


def _pairs(asked: Sequence[Parameter]) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name, _, value in asked]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
