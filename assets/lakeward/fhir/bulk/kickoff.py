"""The kick-off request in the three ways that servers understand; pure, nothing is sent here.

    get_comma        GET  ?_type=Patient,Task        STU1 to STU3; Oracle takes nothing else
    get_repeat       GET  ?_type=Patient&_type=Task  STU2 (means the same), filters with commas
    post_parameters  POST a Parameters resource      STU2 optional, STU4 ballot: the only way

Source: Bulk Data Access STU1 to STU4 ballot, export, "Bulk Data Kick-off Request".
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
    """A request that starts an export.

    Attributes:
        method: GET or POST.
        url: With the query, if there is one.
        headers: Without the token.
        content: The Parameters resource of a POST.
        parameters: By name, for the log: without the ids of patients.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    parameters: Mapping[str, str]


def kick_off(bulk: BulkExport, job: Job, patients: Sequence[str] = ()) -> KickOff:
    """Build the kick-off request of a job.

    Args:
        bulk: The source's settings.
        job: What is asked for, and since when.
        patients: Ids of the only group members to export. These are always posted: the guide allows
            `patient` in a POST only, and ids in a URL end in the logs of proxies.
    """
    listed = parameters(bulk, job)
    named = [("patient", "valueReference", {"reference": f"Patient/{p}"}) for p in patients]
    url = _endpoint(bulk)
    # a comma list joins the values of one parameter; the log shows them so for every way
    shown: dict[str, str] = {}
    for name, _, value in listed:
        shown[name] = f"{shown[name]},{_plain(value)}" if name in shown else _plain(value)
    headers = {"Accept": "application/fhir+json", "Prefer": _prefer(bulk)}
    headers["Cache-Control"] = "no-cache"
    if patients or bulk.kickoff == "post_parameters":
        headers["Content-Type"] = "application/fhir+json"
        return KickOff("POST", url, headers, _resource([*listed, *named]), shown)
    pairs = list(shown.items()) if bulk.kickoff == "get_comma" else _pairs(listed)
    # commas, colons and slashes stay as they are, as in the guide's own examples
    query = urlencode(pairs, quote_via=quote, safe=",:/")
    return KickOff("GET", f"{url}?{query}", headers, None, shown)


def parameters(bulk: BulkExport, job: Job) -> list[Parameter]:
    """List the parameters of a job: name, key in a Parameters resource, one value each."""
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
    # sent only if it is true: servers before STU3 reject parameters that they do not know
    if bulk.partial_manifests:
        found.append(("allowPartialManifests", "valueBoolean", True))
    return found


def instant(value: datetime) -> str:
    """Format an instant as FHIR does, in UTC, to the millisecond."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _endpoint(bulk: BulkExport) -> str:
    # the guide names three levels, with `$export` below each
    within = {"system": "", "patient": "/Patient", "group": f"/Group/{bulk.group}"}[bulk.level]
    return f"{bulk.base_url}{within}/$export"


def _prefer(bulk: BulkExport) -> str:
    preferences = ["respond-async"]
    preferences += ["separate-export-status"] if bulk.separate_export_status else []
    preferences += ["handling=lenient"] if bulk.lenient else []
    return ", ".join(preferences)


def _resource(listed: Sequence[Parameter]) -> bytes:
    body = [{"name": name, key: value} for name, key, value in listed]
    return json.dumps({"resourceType": "Parameters", "parameter": body}).encode()


def _pairs(listed: Sequence[Parameter]) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name, _, value in listed]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
