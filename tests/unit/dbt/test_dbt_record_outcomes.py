"""Every stored record has an effect that can be named, or a counted reason why it has none.

Each record below is delivered to one home; its name is the outcome that it must have.
"""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from canonical_folds import build_canonical, load_landed

from lakeward.assets.unit_facts import facts_of
from lakeward.contracts import load_contracts
from lakeward.contracts.rule_types.outside_set import OutsideSet
from lakeward.core.paths import project_path
from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.lake.tables import Lake, arrow_schema, ensure_table, write
from lakeward.quarantine.withheld import WITHHELD

DAY = "2026-01-09"
VARIABLES = {"day": DAY, "as_of": "2026-01-10T05:00:00Z", "time_zone": "America/New_York"}
UNREACHED = {"withheld", "subsetted", "unexplained", "not_in_a_row"}
"""Reasons that need more than a record, of types read in part alone, or a mistake of ours."""


def _patient(number: int) -> str:
    return f"PID|1||E{number}^^^LKWD^MR||Doe^Ann||19700101|F"


MESSAGES = {
    "event": ["ADT^A01", _patient(1), "PV1|1|I|5N^101^A^LKWD||||||||||||||||E1"],
    "patient": ["ADT^A08", _patient(2), "PV1|1|O"],
    "order": ["ORM^O01", _patient(1), "ORC|NW|E-1", "OBR|1|E-1||CBC"],
    "visit_not_found": ["ADT^A03", _patient(3), "PV1|1|I"],
    "no_visit": ["ADT^A03", _patient(4)],
    "no_patient": ["ADT^A28"],
    "no_appointment": ["SIU^S12", _patient(1)],
    "no_appointment_number": ["SIU^S12", "SCH|||||||||||^^^20260112090000", _patient(1)],
    "nothing_to_merge": ["ADT^A40", _patient(5), "MRG|E5^^^LKWD^MR"],
    "no_order": ["ORU^R01", _patient(1)],
    "no_order_number": ["ORM^O01", _patient(1), "ORC|NW", "OBR|1|||CBC"],
    "no_referral": ["REF^I12", _patient(1)],
    "no_referral_number": ["REF^I12", "RF1|P", _patient(1)],
    "no_bed": ["ADT^A20", "NPU|5N^^^LKWD|H"],
    "no_code": ["ADT^A20", "NPU|5N^101^A^LKWD|"],
    "unknown_code": ["ADT^A20", "NPU|5N^101^A^LKWD|?"],
    "no_master_record": ["MFN^M05", "MFI|LOC||UPD"],
    "master_not_applied": ["MFN^M05", "MFI|LOC||UPD", "MFE|MAD|||"],
    "location": ["MFN^M05", "MFI|LOC||UPD", "MFE|MAD|||7W^701^A^LKWD", "LOC|7W^701^A^LKWD|"],
    "master_record": ["MFN^M02", "MFI|PRA||UPD", "MFE|MDL|||S9"],
    "trigger_without_effect": ["QBP^Q22"],
    "unknown_trigger": ["ZZZ^Z01", _patient(1)],
}
PARTS = {
    "order": ["ORM^O01", _patient(1), "ORC|NW|E-2", "OBR|1|E-2||CBC", "ORC|NW", "OBR|2|||CBC"],
    "bed": ["ADT^A20", "NPU|5N^102^A^LKWD|H", "NPU|5N^102^B^LKWD|?"],
    "visit": [
        "ADT^A17",
        _patient(1),
        "PV1|1|I|5N^103^A^LKWD||||||||||||||||E1",
        _patient(6),
        "PV1|2|I|5N^101^A^LKWD",
    ],
}
"""Messages of which a part has no effect."""

SUBJECT = {"reference": "Patient/p"}
RESOURCES: dict[str, dict[str, Any]] = {
    "patient": {"resourceType": "Patient", "id": "p", "name": [{"family": "Doe"}]},
    "type_not_read": {"resourceType": "Observation", "id": "o", "status": "final", "code": {}},
    "superseded_version": {
        "resourceType": "Practitioner",
        "id": "d",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
    },
    "practitioner": {
        "resourceType": "Practitioner",
        "id": "d",
        "meta": {"versionId": "2", "lastUpdated": "2026-01-02T00:00:00Z"},
    },
    "location": {"resourceType": "Location", "id": "l", "status": "active"},
    "left_out": {"resourceType": "Location", "id": "k", "mode": "kind"},
    "no_time": {"resourceType": "Slot", "id": "s", "schedule": {"reference": "Schedule/c"}},
    "no_slot": {"resourceType": "Schedule", "id": "c", "actor": [{"reference": "Practitioner/d"}]},
    "practitioner_role": {"resourceType": "PractitionerRole", "id": "r"},
    "consent": {
        "resourceType": "Consent",
        "id": "yes",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": SUBJECT,
        "provision": {"type": "deny"},
    },
    "no_decision": {
        "resourceType": "Consent",
        "id": "silent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": SUBJECT,
    },
    "event": {
        "resourceType": "Encounter",
        "id": "whole",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": SUBJECT,
        "period": {"start": "2026-01-08T10:00:00Z"},
        "participant": [
            {"individual": {"reference": "Practitioner/d"}},
            {"individual": {"reference": "Practitioner/e"}},
        ],
    },
    "part_of_encounter": {
        "resourceType": "Encounter",
        "id": "part",
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": SUBJECT,
        "partOf": {"reference": "Encounter/whole"},
    },
    "deleted": {"resourceType": "Task", "id": "gone", "status": "ready", "intent": "order"},
    "deletion": {
        "resourceType": "Bundle",
        "id": "deletes",
        "type": "transaction",
        "meta": {"lastUpdated": "2026-01-09T00:00:00Z"},
        "entry": [{"request": {"method": "DELETE", "url": "Task/gone"}}],
    },
    "nothing_to_delete": {
        "resourceType": "Bundle",
        "id": "deletes-nothing",
        "type": "transaction",
        "meta": {"lastUpdated": "2026-01-09T00:00:00Z"},
        "entry": [{"request": {"method": "DELETE", "url": "Task/never"}}],
    },
    "task": {"resourceType": "Task", "id": "todo", "status": "ready", "intent": "order"},
}


def _message(name: str, segments: list[str]) -> str:
    kind, *others = segments
    header = rf"MSH|^~\&|HIS|LKWD|||20260109090000||{kind}|{name}|P|2.5.1"
    return "\r".join([header, f"EVN|{kind[4:]}|20260109090000", *others]) + "\r"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcomes") / "home"


@pytest.fixture(scope="module")
def store(home: Path) -> Connection:
    """Every record in a file of its own."""
    landing = load_settings(home).home.landing
    for source in ("adt_hl7", "ehr_fhir"):
        (landing / source / DAY).mkdir(parents=True)
        (landing / source / DAY / "_COMPLETE").touch()
    for name, segments in MESSAGES.items():
        (landing / "adt_hl7" / DAY / f"{name}.hl7").write_text(_message(name, segments))
    for name, segments in PARTS.items():
        (landing / "adt_hl7" / DAY / f"z-{name}.hl7").write_text(_message(f"z-{name}", segments))
    for name, resource in RESOURCES.items():
        line = json.dumps(resource) + "\n"
        (landing / "ehr_fhir" / DAY / f"{name}.ndjson").write_text(line)
    load_landed(home, date.fromisoformat(DAY))
    return build_canonical(home, VARIABLES)


def _outcome(store: Connection, source: str, file: str) -> list[tuple[Any, ...]]:
    return store.execute(
        "select outcome, has_effect from canonical__record_outcome where source_ref = ?",
        [f"{source}/{DAY}/{file}#1"],
    ).fetchall()


def _reasons() -> set[str]:
    with (project_path("dbt_project") / "seeds" / "no_effect_reason.csv").open() as file:
        return {row["reason"] for row in csv.DictReader(file)}


def test_reasons_are_those_of_the_seed() -> None:
    (rule,) = [r for r in load_contracts()["canonical__no_effect"].rules if r.id == "reason_known"]
    assert isinstance(rule.check, OutsideSet)
    assert set(rule.check.values) == _reasons()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_outcome_that_it_must_have(store: Connection, name: str) -> None:
    assert _outcome(store, "adt_hl7", f"{name}.hl7") == [(name, name not in _reasons())]


@pytest.mark.parametrize("name", sorted(RESOURCES.keys() - {"type_not_read"}))
def test_a_resource_has_the_outcome_that_it_must_have(store: Connection, name: str) -> None:
    assert _outcome(store, "ehr_fhir", f"{name}.ndjson") == [(name, name not in _reasons())]


def test_a_part_without_effect_is_counted_beside_its_record(store: Connection) -> None:
    found = store.execute(
        "select part, record_type, reason, record_count from canonical__no_effect"
        " where part <> 'record' order by all"
    ).fetchall()
    assert found == [
        ("bed", "ADT^A20", "unknown_code", 1),
        ("order", "ORM^O01", "no_order_number", 1),
        ("participant", "Encounter", "unchosen", 1),
        ("visit", "ADT^A08", "visit_not_found", 1),
        ("visit", "ADT^A17", "visit_not_found", 1),
    ]


def test_records_are_those_with_an_effect_and_those_counted(store: Connection) -> None:
    found = store.execute(
        "select source_system, cast(sum(record_count) as bigint) from ("
        "  select source_system, 1 as record_count from canonical__record_outcome where has_effect"
        "  union all"
        "  select source_system, record_count from canonical__no_effect where part = 'record'"
        ") group by all"
    ).fetchall()
    stored = {"adt_hl7": len(MESSAGES) + len(PARTS), "ehr_fhir": len(RESOURCES)}
    assert dict(found) == stored


def test_codes_that_are_unknown_and_codes_that_are_missing_are_counted_apart(
    store: Connection,
) -> None:
    found = store.execute(
        "select from_code, row_count, quality_flags from canonical__unmapped_code"
        " where code_map = 'bed_status' order by 1"
    ).fetchall()
    assert found == [("", 1, ["not_stated"]), ("?", 2, [])]


def test_the_asset_shows_the_counts(store: Connection, home: Path) -> None:
    facts = facts_of(Lake(load_settings(home).home.lake), "canonical__no_effect")
    counted = "select cast(sum(record_count) as bigint) from canonical__no_effect where "
    (records,) = store.execute(counted + "part = 'record'").fetchall()[0]
    (to_mend,) = store.execute(counted + "not is_expected").fetchall()[0]
    assert (facts["records_without_effect"], facts["to_be_mended"]) == (records, to_mend)
    first = facts["by_reason"].records[0].data
    assert (first["is_expected"], bool(first["meaning"])) == (False, True)


def test_every_reason_has_a_record_that_shows_it() -> None:
    shown = MESSAGES.keys() | RESOURCES.keys() | {"unchosen", "no_patient"}
    assert _reasons() - shown == UNREACHED


def test_a_record_that_is_withheld_says_so(
    store: Connection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("withheld") / "home"
    folder = load_settings(home).home.landing / "adt_hl7" / DAY
    folder.mkdir(parents=True)
    (folder / "_COMPLETE").touch()
    (folder / "event.hl7").write_text(_message("event", MESSAGES["event"]))
    load_landed(home, date.fromisoformat(DAY))
    lake = Lake(load_settings(home).home.lake)
    ensure_table(lake, WITHHELD)
    place = f"adt_hl7/{DAY}/event.hl7#1"
    row = {"source": "adt_hl7", "source_ref": place, "rule": "t.r", "day": None, "run_id": ""}
    write(lake, WITHHELD, pa.Table.from_pylist([row], schema=arrow_schema(WITHHELD)), mode="append")
    held = build_canonical(home, VARIABLES)
    assert _outcome(held, "adt_hl7", "event.hl7") == [("withheld", False)]
