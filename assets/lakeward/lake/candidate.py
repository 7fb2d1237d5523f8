"""Candidate versions: storing what dbt built, under its contract, before it is checked.

A table whose rows are the same as in its newest version gets no new version, so a night that
changes nothing writes nothing. What dbt builds and in which order is not known here, nor which
candidates are released.
"""

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.phi import Phi
from lakeward.lake.query import Connection, register_table
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    content_of,
    has_statistics,
    write,
)

_BATCH_ROWS = 65_536


def contract_table(contract: Contract) -> TableSpec:
    """Return the table spec of a contract: its columns in order, with their PHI classes."""
    return TableSpec(
        name=contract.name,
        columns=tuple(
            Column(c.name, c.physical_type, Phi(c.phi), c.description) for c in contract.columns
        ),
        description=contract.purpose,
        grain=contract.grain,
        owner=contract.owner,
    )


def store_candidate(lake: Lake, connection: Connection, table: str, sql: str) -> TableWrite | None:
    """Run a query and store its rows as the candidate version of a table under contract.

    Args:
        lake: Where the table lives.
        connection: Sees what the query reads; the view `table` then shows the candidate.
        table: Name of the table and of its contract.
        sql: Query that returns exactly the contract's columns, in any order.

    Returns:
        What was written; None when the newest version holds the same rows.

    Raises:
        SpecError: The table has no contract.
    """
    contract = load_contracts().get(table)
    if contract is None:
        raise SpecError(
            f"model {table}",
            "has no contract",
            f"{table}.odcs.yaml in lakeward.contracts",
            "write the contract, then run `lakeward contracts build`",
        )
    spec = contract_table(contract)
    connection.execute(f"create or replace temp table candidate as {sql}")
    try:
        content = _content(connection, spec)
        written = None
        if content_of(lake, table) != content:
            names = ", ".join(f'"{c.name}"' for c in spec.columns)
            # in batches: a canonical table need not fit in memory twice
            rows = connection.sql(f"select {names} from candidate").to_arrow_reader(_BATCH_ROWS)
            written = write(lake, spec, rows, mode="overwrite", content=content)
    finally:
        connection.execute("drop table candidate")
    # models that dbt builds after this one must read the candidate, not the release before it
    register_table(connection, lake, table, None)
    return written


def _content(connection: Connection, spec: TableSpec) -> str:
    """Hash all rows whatever their order, and the columns they stand in.

    A sum of hashes does not depend on the order in which threads deliver the rows; dbt's do not.
    """
    names = ", ".join(f'"{c.name}"' for c in spec.columns)
    count, total = connection.sql(
        f"select count(*), coalesce(sum(hash({names})), 0) from candidate"
    ).fetchall()[0]
    # A column that is reclassed must be written again though no value changed: files that were
    # written under the old class may hold its least and greatest value in their statistics.
    columns = [(c.name, c.type, str(c.phi), has_statistics(c)) for c in spec.columns]
    return sha256_of(f"{count}:{total}:{columns}".encode())
