"""The code maps and the trigger table hold what the HL7 v2-to-FHIR guide says, save `local` rows.

A row of ours has one of three origins: `guide` (it is a row of the guide's map), `standard` (a code
of FHIR or of another published list, mapped as published) or `local` (ours, with its reason).
"""

import csv
import os
from pathlib import Path

import pytest

from lakeward.core.paths import project_path

SHARED = Path(os.environ.get("LAKEWARD_SHARED", "../shared/data"))
GUIDE = SHARED / "terminology" / "v2-to-fhir-mappings" / "codesystems"
MESSAGES = SHARED / "hl7v2"
SEEDS = project_path("dbt_project") / "seeds"
MAPS = {
    "administrative_sex": "AdministrativeSex",
    "appointment_status": "FillerStatusCodes[Appointment]",
    "bed_status": "BedStatus",
    "discharge_disposition": "DischargeDisposition",
    "identifier_type": "IdentifierType",
    "order_control": "OrderControlCode[ServiceRequest.status]",
    "order_status": "OrderStatus",
    "priority": "ExtendedPriorityCodes",
    "result_status": "ResultStatus[Non-Queries]",
    "visit_class": "PatientClass[EncounterClass]",
}
PATTERNS = {"NNxxx"}
"""What stands in the guide's column of codes but is a pattern, not a code."""

FHIR_CODE = 6
"""Column of the target; the columns before it are the v2 code and its conditions."""

needs_guide = pytest.mark.skipif(not GUIDE.is_dir(), reason=f"no v2-to-FHIR maps at {GUIDE}")
needs_messages = pytest.mark.skipif(not MESSAGES.is_dir(), reason=f"no messages at {MESSAGES}")


def guide_map(name: str) -> dict[str, str]:
    """Read one map of the guide, its two header rows left out: v2 code to FHIR code, or empty."""
    path = GUIDE / f"HL7 Concept Map_ {name} - Sheet1.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[2:]
    return {row[0]: row[FHIR_CODE] for row in rows if row[0] and row[0] not in PATTERNS}


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs_guide
@pytest.mark.parametrize(("ours", "theirs"), MAPS.items())
def test_code_map_is_the_guides_save_local_rows(ours: str, theirs: str) -> None:
    guide = guide_map(theirs)
    rows = {
        row["from_code"]: row for row in seed(f"code_map_{ours}") if row["source_system"] == "*"
    }
    local = {code for code, row in rows.items() if row["origin"] == "local"}
    from_guide = {code: row["to_code"] for code, row in rows.items() if row["origin"] == "guide"}
    assert from_guide == {code: to for code, to in guide.items() if to and code not in local}
    assert not [c for c in guide.keys() & rows.keys() if rows[c]["origin"] == "standard"]


@needs_guide
def test_trigger_table_keeps_the_guides_status() -> None:
    ours = {
        row["trigger_event"]: row["fhir_status_guide"]
        for row in seed("trigger_event")
        if row["message_type"] == "ADT" and row["condition"] == "*" and row["fhir_status_guide"]
    }
    assert ours == guide_map("Event[EncounterStatus]")


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.csv")), ids=lambda path: path.stem)
def test_every_row_has_a_known_origin_and_a_reason(path: Path) -> None:
    rows = seed(path.stem)
    if path.stem == "trigger_event" or path.stem.startswith("code_map_"):
        assert not [r for r in rows if r["origin"] not in {"guide", "standard", "local"}]
        assert not [r for r in rows if not r["reason"]]


@needs_messages
def test_every_trigger_of_the_public_messages_is_in_the_table() -> None:
    rows = seed("trigger_event")
    known = {(row["message_type"], row["trigger_event"]) for row in rows}
    types = {kind for kind, trigger in known if trigger == "*"}
    stated = {
        tuple(field.split("^")[:2])
        for path in MESSAGES.rglob("*")
        if path.is_file()
        for field in _message_types(path.read_bytes())
    }
    unknown = {t for t in stated if len(t) == 2 and t not in known and t[0] not in types}
    # A trigger of a site and a message that names none: both are counted as unmapped.
    assert unknown == {("ZDT", "Z01"), ("ADT", "")}


def _message_types(content: bytes) -> list[str]:
    """Return MSH-9 of every message that uses the usual separators."""
    lines = content.replace(b"\n", b"\r").split(b"\r")
    headers = [
        line.split(b"|") for line in lines if line.lstrip(b"\x0b\xef\xbb\xbf").startswith(b"MSH|^")
    ]
    return [header[8].decode("latin-1") for header in headers if len(header) > 8 and header[8]]
