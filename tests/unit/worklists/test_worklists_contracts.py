"""What every worklist's contract must say before anything leaves."""

import pytest

from lakeward.contracts import Contract, load_contract
from lakeward.contracts.odcs import contracts_folder
from lakeward.worklists.rows import export_columns

WORKLISTS = [
    contract
    for contract in map(load_contract, sorted(contracts_folder().glob("worklist__*.odcs.yaml")))
    if contract.consumer
]


@pytest.mark.parametrize("contract", WORKLISTS, ids=lambda c: c.name)
def test_no_key_and_no_origin_leaves(contract: Contract) -> None:
    keys = {c.name for c in contract.columns if c.phi == "LK"} - {"row_id"}
    assert keys | {"source_ref", "day"} <= {c.name for c in contract.columns}
    assert not (keys | {"source_ref"}) & set(export_columns(contract))


@pytest.mark.parametrize("contract", WORKLISTS, ids=lambda c: c.name)
def test_every_list_is_its_own_unit_and_has_a_purpose(contract: Contract) -> None:
    assert contract.unit == contract.name
    assert contract.purpose
    assert contract.owner.startswith("team:")


def test_bed_list_carries_no_identifier_of_a_person() -> None:
    beds = next(c for c in WORKLISTS if c.consumer == "bed_management")
    phi = {c.phi for c in beds.columns if c.name in export_columns(beds) and c.name != "row_id"}
    assert phi <= {"N", "QI"}


def test_stale_reminders_are_worse_than_none() -> None:
    policies = {c.consumer: c.staleness for c in WORKLISTS}
    assert policies == {
        "messaging_vendor": "block",
        "referral_desk": "previous_day",
        "bed_management": "previous_day",
        "team_leads": "previous_day",
        "registrars": "previous_day",
        "results_desk": "previous_day",
        "authorisation_team": "previous_day",
    }


def test_each_list_has_its_own_folder() -> None:
    assert len({c.consumer for c in WORKLISTS}) == len(WORKLISTS)
