"""Every worklist counts the rows it leaves off and says what it looked at.

A list that is missing in worklist__suppression would report no suppressed row and a wrong number of
eligible ones; one that is missing in worklist__criteria would know nobody that it passes over.
"""

import re
from pathlib import Path

import pytest

from lakeward.contracts import load_contracts

MODELS = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "worklists"
LISTS = sorted(c.name for c in load_contracts().values() if c.consumer)
COLUMNS = {"subject_key", "patient_key", "suppressed_by", "source_ref"}
KINDS = ("criteria", "candidate")
LOOKED_AT = {"subject_key", "patient_key", "is_candidate", "failed_criteria", "facts"}
UNLISTED = (MODELS.parents[1] / "macros" / "unlisted_patient.sql").read_text()
_CODE = re.compile(r"'([a-z][a-z0-9_]+)'")
_REGISTERED = re.compile(r"\('(\w+)', ref\('(\w+)'\)\)")


def _sql(model: str) -> str:
    return (MODELS / f"{model}.sql").read_text()


def _step(name: str, kind: str) -> str:
    return f"int__{name.removeprefix('worklist__')}_{kind}"


def _candidate(name: str) -> str:
    return _step(name, "candidate")


def test_every_list_under_contract_is_registered_with_its_candidate_step() -> None:
    registered = _REGISTERED.findall(_sql("worklist__suppression"))
    assert sorted(registered) == [
        (name.removeprefix("worklist__"), _candidate(name)) for name in LISTS
    ]


def test_every_candidate_step_belongs_to_a_list_under_contract() -> None:
    steps = (MODELS / "steps").glob("*_candidate.sql")
    assert sorted(path.stem for path in steps) == [_candidate(name) for name in LISTS]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_and_its_suppressions_read_the_same_step(name: str) -> None:
    step = _sql(f"steps/{_candidate(name)}")
    assert f"ref('{_candidate(name)}')" in _sql(name)
    assert {column for column in COLUMNS if re.search(rf"\b{column}\b", step)} == COLUMNS


def test_every_list_under_contract_is_registered_with_what_it_looks_at() -> None:
    assert sorted(_REGISTERED.findall(_sql("worklist__criteria"))) == [
        (name.removeprefix("worklist__"), _step(name, "criteria")) for name in LISTS
    ]


@pytest.mark.parametrize("name", LISTS)
def test_candidate_rows_are_those_that_fail_no_criterion(name: str) -> None:
    """One definition: the candidate step filters by it, and the table shows it."""
    looked_at, candidate = (_sql(f"steps/{_step(name, kind)}") for kind in KINDS)
    assert f"ref('{_step(name, 'criteria')}')" in candidate
    assert re.findall(r"^ *where (.+)$", candidate, re.MULTILINE)[0] == "is_candidate"
    held = re.findall(r"criteria_hold\((\w+)\)", looked_at)
    assert held
    assert held == re.findall(r"failed_criteria\((\w+)\)", looked_at)
    assert {column for column in LOOKED_AT if re.search(rf"\b{column}\b", looked_at)} == LOOKED_AT


@pytest.mark.parametrize("name", LISTS)
def test_the_contract_has_words_for_each_criterion_and_suppression(name: str) -> None:
    terms = load_contracts()[name].terms
    looked_at, candidate = (_sql(f"steps/{_step(name, kind)}") for kind in KINDS)
    # of each list of criteria: a pair begins a line, and its first text is the name
    head = looked_at.split("\nwith")[0]
    named = re.findall(r"^ {4}\(\s*'([a-z0-9_]+)'", head, re.MULTILINE)
    assert list(terms.criteria) == named
    cases = candidate[candidate.rindex("case") : candidate.index("as suppressed_by")]
    # why nobody may act on a patient is a macro, the same on every list
    cases = re.sub(r"\{\{ unlisted_patient\(.*?\) \}\}", UNLISTED, cases)
    reasons = set(re.findall(r"then '([a-z0-9_]+)'", cases))
    # the state of a visit that is its own reason
    if "then a.main_state" in cases:
        reasons |= set(_CODE.findall(cases.split("then a.main_state")[0]))
    assert set(terms.suppressions) == reasons
