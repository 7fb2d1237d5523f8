"""References of all kinds resolve to the ids of current resources; what does not is counted."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_fhir_completeness import load_all, manifest, put, query, resource

from lakeward.core.settings import Settings
from lakeward.fhir.flat.derived_tables import flatten
from lakeward.fhir.flat.reference_tables import reference_paths
from lakeward.lake.tables import Lake

NPI = "http://hl7.org/fhir/sid/us-npi"
URN = "5b4b5b0e-6a3e-4c1d-9d4e-6a1f1c0d2e3f"


def practitioner(id_: str, value: str, system: str | None = NPI) -> dict[str, object]:
    identifier = {"value": value} | ({"system": system} if system else {})
    return resource("Practitioner", id_, identifier=[identifier])


PEOPLE = [
    practitioner("d1", "1"),
    practitioner("d2", "2"),
    practitioner("d3", "2"),
    practitioner("d4", "1", "urn:other"),
    practitioner("d5", "5", None),
    resource("Practitioner", URN),
]
TARGETS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "relative": ({"reference": "Practitioner/d1"}, "relative", "d1"),
    "absolute": ({"reference": "https://ehr.example/fhir/Practitioner/d1"}, "absolute", "d1"),
    "versioned": ({"reference": "Practitioner/d1/_history/7"}, "versioned", "d1"),
    "absolute and versioned": (
        {"reference": "https://ehr.example/fhir/Practitioner/d1/_history/7"},
        "versioned",
        "d1",
    ),
    "contained": ({"reference": "#inside"}, "contained", None),
    "urn": ({"reference": f"urn:uuid:{URN}"}, "urn", URN),
    "conditional": ({"reference": f"Practitioner?identifier={NPI}|1"}, "conditional", "d1"),
    "conditional, encoded": (
        {"reference": "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C1"},
        "conditional",
        "d1",
    ),
    "conditional without a system": (
        {"reference": "Practitioner?identifier=|5"}, "conditional", "d5"
    ),
    "conditional of any system": ({"reference": "Practitioner?identifier=5"}, "conditional", "d5"),
    "logical": ({"identifier": {"system": "urn:other", "value": "1"}}, "logical", "d4"),
    "logical with a type": (
        {"type": "Practitioner", "identifier": {"system": NPI, "value": "1"}}, "logical", "d1"
    ),
    "a reference before its identifier": (
        {"reference": "Practitioner/d2", "identifier": {"system": NPI, "value": "1"}},
        "relative",
        "d2",
    ),
}  # fmt: skip
NOWHERE: dict[str, tuple[dict[str, Any], str]] = {
    "nobody of that id": ({"reference": "Practitioner/nobody"}, "relative"),
    "an id of another type": ({"reference": "Patient/d1"}, "relative"),
    "another server": ({"reference": "https://else.example/fhir/Practitioner/d1"}, "foreign"),
    "two of that identifier": ({"reference": f"Practitioner?identifier={NPI}|2"}, "conditional"),
    "another system": ({"reference": "Practitioner?identifier=urn:no|1"}, "conditional"),
    "another condition": ({"reference": "Practitioner?name=x"}, "conditional"),
    "no encoding of UTF-8": ({"reference": "Practitioner?identifier=%FF%FE|%C3"}, "conditional"),
    "an empty identifier": ({"reference": "Practitioner?identifier="}, "conditional"),
    "not contained": ({"reference": "#outside"}, "contained"),
    "no entry": ({"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}, "urn"),
    "an oid": ({"reference": "urn:oid:1.2.3"}, "urn"),
    "nobody of that identifier": ({"identifier": {"value": "9"}}, "logical"),
    "words only": ({"display": "Dr. X"}, "display"),
    "no type": ({"reference": "d1"}, "malformed"),
}


def encounter(id_: str, reference: object) -> dict[str, object]:
    return resource(
        "Encounter",
        id_,
        contained=[{"resourceType": "Practitioner", "id": "inside"}],
        participant=[{"type": []}, {"individual": reference}],
    )


def deliver(settings: Settings, lake: Lake, *encounters: dict[str, object]) -> None:
    files = {
        "manifest.json": manifest("2026-01-05T00:00:00Z", ("e.ndjson", "Encounter", None)),
        "e.ndjson": list(encounters),
        "p.ndjson": PEOPLE,
    }
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    flatten(lake)


def test_every_kind_resolves_to_one_key_space(settings: Settings, lake: Lake) -> None:
    cases = {f"e{n}": name for n, name in enumerate(TARGETS)}
    deliver(settings, lake, *(encounter(id_, TARGETS[name][0]) for id_, name in cases.items()))
    rows = query(
        lake,
        "select id, element, ordinal, kind, target_id, is_resolved from resolved_reference"
        " where resource_type = 'Encounter'",
    )
    found = {cases[id_]: row for id_, *row in rows}
    assert found == {
        name: ["participant.individual", 1, kind, target, True]
        for name, (_, kind, target) in TARGETS.items()
    }
    assert query(lake, "select count(*) from unresolved_reference") == [(0,)]


def test_what_names_nothing_is_counted_by_kind(settings: Settings, lake: Lake) -> None:
    encounters = [
        encounter(f"e{n}", reference) for n, (reference, _) in enumerate(NOWHERE.values())
    ]
    deliver(settings, lake, *encounters)
    rows = query(
        lake,
        "select kind, sum(count) from unresolved_reference where source = 'ehr_fhir'"
        " and from_type = 'Encounter' and element = 'participant.individual' group by 1",
    )
    kinds = [kind for _, kind in NOWHERE.values()]
    assert dict(rows) == {kind: kinds.count(kind) for kind in kinds}


def test_only_current_resources_count(settings: Settings, lake: Lake) -> None:
    deliver(settings, lake, encounter("e1", {"reference": "Practitioner/d1"}))
    moved = encounter("e1", {"reference": "Practitioner/gone"})
    entry = [{"request": {"method": "DELETE", "url": "Practitioner/d5"}}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
    put(settings, "2026-01-06", {"e.ndjson": [moved], "deleted.ndjson": [bundle]})
    put(settings, "2026-01-07", {
        "e.ndjson": [encounter("e2", {"reference": "Practitioner?identifier=5"})],
    })  # fmt: skip
    load_all(settings, lake)
    flatten(lake)
    counted = "select element, kind, target_type, count from unresolved_reference order by all"
    assert query(lake, counted) == [
        ("participant.individual", "conditional", "Practitioner", 1),
        ("participant.individual", "relative", "Practitioner", 1),
    ]


def test_references_are_listed_once_and_again_when_more_come(
    settings: Settings, lake: Lake
) -> None:
    deliver(settings, lake, encounter("e1", {"reference": "Practitioner/d1"}))
    assert flatten(lake) == []
    put(settings, "2026-01-06", {"e.ndjson": [encounter("e2", {"reference": "Practitioner/d1"})]})
    load_all(settings, lake)
    written = {write.table: write.rows for write in flatten(lake)}
    assert written["fhir_reference"] == 1
    assert query(lake, "select count(*) from fhir_reference") == [(2,)]


def _actor(id_: str) -> dict[str, Any]:
    return {"role": {}, "reference": {"reference": f"Practitioner/{id_}"}}


def _answer(id_: str, **more: Any) -> dict[str, Any]:
    return {"valueReference": {"reference": f"Practitioner/{id_}"}, **more}


def test_references_below_items_that_nest_in_themselves_are_listed(
    settings: Settings, lake: Lake
) -> None:
    innermost = {"actor": [_actor("d3")]}
    provision = {
        "actor": [_actor("d1")],
        "provision": [{}, {"actor": [_actor("d2")], "provision": [innermost]}],
    }
    items = [
        {"linkId": "1"},
        {
            "linkId": "2",
            "answer": [
                _answer("d1", item=[{"linkId": "2.1", "answer": [_answer("d2")]}]),
            ],
            "item": [{"linkId": "2.2", "item": [{"linkId": "2.2.1", "answer": [_answer("d3")]}]}],
        },
    ]
    files = {
        "c.ndjson": [resource("Consent", "c", status="active", provision=provision)],
        "q.ndjson": [resource("QuestionnaireResponse", "q", status="completed", item=items)],
    }
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    flatten(lake)
    found = query(
        lake,
        "select resource_type, element, target_id, ordinal from fhir_reference order by 1, 3",
    )
    answer = "item.answer.value"
    assert found == [
        ("Consent", "provision.actor.reference", "d1", 0),
        ("Consent", "provision.actor.reference", "d2", 1),
        ("Consent", "provision.actor.reference", "d3", 2),
        ("QuestionnaireResponse", answer, "d1", 1),
        ("QuestionnaireResponse", answer, "d2", 1),
        ("QuestionnaireResponse", answer, "d3", 1),
    ]


def test_elements_come_from_the_schema() -> None:
    assert ("participant.individual", "participant") in reference_paths("Encounter")
    assert ("subject", "") in reference_paths("Encounter")
    assert ("medication.ofType(Reference)", "") in reference_paths("MedicationRequest")
    assert ("basedOn", "basedOn") in reference_paths("ServiceRequest")
    assert reference_paths("Nothing") == ()


@pytest.mark.parametrize("folder", ["bulk-10-patients"])
def test_conditional_references_of_a_published_export_resolve(
    settings: Settings, lake: Lake, shared: Path, folder: str
) -> None:
    names = ("Encounter", "Practitioner", "Organization", "Location")
    files = {
        f"{name}.ndjson": (shared / "fhir" / folder / f"{name}.000.ndjson").read_text("utf-8")
        for name in names
    }
    put(settings, "2026-01-05", files)
    load_all(settings, lake)
    flatten(lake)
    rows = query(
        lake,
        "select kind, target_type, is_resolved, count(*) from resolved_reference"
        " where kind = 'conditional' group by all order by all",
    )
    kinds = ("Location", "Organization", "Practitioner")
    assert [row[:3] for row in rows] == [("conditional", kind, True) for kind in kinds]
    texts = files["Encounter.ndjson"].count("?identifier=")
    assert sum(row[3] for row in rows) == texts
    npi = {
        person["id"]: person["identifier"][0]["value"]
        for person in map(json.loads, files["Practitioner.ndjson"].splitlines())
    }
    named = query(
        lake,
        "select r.target_id, json_extract_string(c.resource,"
        " '$.participant[' || r.ordinal || '].individual.reference') from resolved_reference r"
        " join fhir_current c using (source, resource_type, id)"
        " where r.element = 'participant.individual'",
    )
    assert named
    assert all(text.endswith(f"|{npi[id_]}") for id_, text in named)
