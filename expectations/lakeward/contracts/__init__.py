"""Data contracts: one `<table>.odcs.yaml` per released table, and what they say.

Lake, worklists and Dagster read columns, PHI classes, owners and release units from here. What a
rule needs of DuckDB and of Great Expectations stands here as text; what runs it is
`lakeward.expectations`.
"""

from lakeward.contracts.model import Contract, ContractColumn, Rule
from lakeward.contracts.odcs import check_contracts, load_contract, load_contracts

__all__ = [
    "Contract",
    "ContractColumn",
    "Rule",
    "check_contracts",
    "load_contract",
    "load_contracts",
]
