"""Every worklist counts the rows it leaves off: worklist__suppression knows its candidate step.

A list that is missing there would report no suppressed row and a wrong number of eligible ones.
"""

import re
from pathlib import Path

import pytest

from lakeward.contracts import load_contracts

MODELS = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "worklists"
LISTS = sorted(c.name for c in load_contracts().values() if c.consumer)
COLUMNS = {"subject_key", "patient_key", "suppressed_by", "source_ref"}
_REGISTERED = re.compile(r"\('(\w+)', ref\('(\w+)'\)\)")


def _sql(model: str) -> str:
    return (MODELS / f"{model}.sql").read_text()


def _candidate(name: str) -> str:
    return f"int__{name.removeprefix('worklist__')}_candidate"


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
