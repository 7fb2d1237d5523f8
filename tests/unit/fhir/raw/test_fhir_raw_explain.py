"""Why a record is rejected: the element is named, the rule is named, no value is."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeward.fhir.raw.explain import explain

SECRET = "Zaphod"


def findings(**more: Any) -> list[str]:
    return explain(json.dumps({"resourceType": "Patient", "id": "a", **more}).encode())


FINDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "date": ({"birthDate": "1970-13-Zaphod"}, "Patient.birthDate: is not a date"),
    "boolean": ({"active": "Zaphod"}, "Patient.active: is not a boolean"),
    "list": ({"name": {"family": "Zaphod"}}, "Patient.name: is not a list"),
    "object": (
        {"contact": [{"name": ["Zaphod"]}]},
        "Patient.contact[0].name: is not an object of the right type",
    ),
    "unknown": (
        {"nickname": "Zaphod"},
        "Patient.nickname: is not an element that FHIR R4 has here",
    ),
    "odd name": (
        {"Zaphod B": 1},
        "Patient.(a name that FHIR cannot have): is not an element that FHIR R4 has here",
    ),
    "missing id": ({"id": None}, "Patient.id: is missing"),
    "illegal id": (
        {"id": "Zaphod B"},
        "Patient.id: is not 1 to 255 letters, digits, hyphens and dots",
    ),
    "two choices": (
        {"deceasedBoolean": True, "deceasedDateTime": "2020-01-01"},
        "Patient: gives a choice element more than once, or not at all where it is required",
    ),
    "other type": ({"resourceType": "Zaphod"}, "resourceType: is no FHIR R4 type"),
    "required": (
        {"resourceType": "Encounter", "status": "planned"},
        "Encounter.class: is required",
    ),
    "contained": (
        {"contained": [{"resourceType": "Zaphod"}]},
        "Patient: cannot be read as FHIR: a part of it has another shape or type",
    ),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_names_the_element(name: str) -> None:
    members, wanted = FINDINGS[name]
    assert wanted in findings(**members)


def test_a_bundle_may_lack_an_id() -> None:
    assert explain(b'{"resourceType":"Bundle","type":"collection"}') == []


def test_a_sound_resource_has_no_findings() -> None:
    assert findings(birthDate="1970-01", name=[{"family": SECRET}]) == []


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b'{"a":"\xff"}', "record: is not UTF-8, from byte 6"),
        (b'{"a":', "record: is not one JSON value, from character 5: Expecting value"),
        (b"[1]", "record: is not an object"),
        (b'{"a":NaN}', "record: is nested too deeply or holds what JSON does not have"),
        (b'{"a":"\\ud800"}', "record: is nested too deeply or holds what JSON does not have"),
        (b"[" * 100_000, "record: is nested too deeply or holds what JSON does not have"),
        (b'{"id":"a"}', "resourceType: is missing"),
    ],
)
def test_what_is_no_resource(content: bytes, wanted: str) -> None:
    assert explain(content) == [wanted]


SECRETS = st.recursive(
    st.just(SECRET) | st.just([SECRET]) | st.integers() | st.none(),
    lambda inner: st.dictionaries(
        st.sampled_from(["name", "id", "extension", "value", "resourceType", f"{SECRET} x"]), inner
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Patient", "Encounter", "Observation"]),
    st.dictionaries(
        st.sampled_from(["name", "id", "status", "subject", "text", "meta", "contained", "code"]),
        SECRETS,
    ),
)
def test_no_finding_says_what_the_record_says(kind: str, members: dict[str, Any]) -> None:
    assert SECRET not in "\n".join(findings(**{**members, "resourceType": kind}))
