"""Writing the tables of a unit again without the rows that break their rules.

What the rows were made of is named, so that somebody can mend it. Which records can be left out
before the tables are built is in `offenders`; whether a unit is released is decided by the caller.

Ranks of a list are closed: it begins with 1 and has no gap, whatever was left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from lakeward.contracts.model import Contract
from lakeward.contracts.sql_text import quoted
from lakeward.core.settings import Settings
from lakeward.expectations.offenders import broken_rules, offending_rows, open_checked
from lakeward.expectations.rule_results import UnitResult
from lakeward.lake.candidate import store_candidate
from lakeward.lake.query import Connection
from lakeward.lake.tables import Lake
from lakeward.quarantine.withheld import LeftOut

FEW = 5
"""Rows that may always be left out; above it, not more than half of a table."""
_NUMBER = "lakeward_row"
_RANK = "rank"


@dataclass(frozen=True)
class _Numbered:
    """A table with a number for each row, and the rows that break rules.

    Attributes:
        contract: Of the table.
        rows: How many it has.
        found: The rows that break rules, by number.
        alone: Those of them that are wrong whatever the others are.
    """

    contract: Contract
    rows: int
    found: Mapping[int, LeftOut]
    alone: Mapping[int, LeftOut]


def leave_out(
    settings: Settings, result: UnitResult, day: date, *, at_most: int | None
) -> list[LeftOut] | None:
    """Write the candidates of a unit again without the rows that break rules of severity error.

    Args:
        settings: Which home.
        result: What was checked, and which versions.
        day: The day of the rules.
        at_most: Rows that may be left out: with more, or with more than half of a table, the data
            are not what is wrong. Without it, all are left out.

    Returns:
        The rows left out; None when nothing was written, because there are too many or none.
    """
    wrong = [contract for contract, _ in broken_rules(result)]
    contracts = {contract.name: contract for contract in wrong}
    left: list[LeftOut] = []
    changed = False
    with open_checked(settings, result) as connection:
        # all are looked at before one is written: a unit is written again whole or not at all
        numbered = [_number(connection, c, result, day) for c in contracts.values()]
        # Rows that are wrong by themselves leave first: a row whose key occurs twice, or that
        # stands above a worse one, is often right, and the other has left.
        if any(each.alone for each in numbered):
            numbered = [replace(each, found=each.alone) for each in numbered]
        if at_most is not None and not _are_few(numbered, at_most):
            return None
        for each in numbered:
            has_rank = each.contract.column(_RANK) is not None
            if not each.found and not has_rank:
                continue  # what is broken cannot be said of a row: our own code is wrong
            left += each.found.values()
            sql = _without(each, close_ranks=has_rank)
            written = store_candidate(Lake(settings.home.lake), connection, each.contract.name, sql)
            changed = changed or written is not None
    return left if changed else None


def _are_few(numbered: Sequence[_Numbered], at_most: int) -> bool:
    if sum(len(each.found) for each in numbered) > at_most:
        return False
    return all(len(each.found) <= max(FEW, each.rows // 2) for each in numbered)


def _number(connection: Connection, contract: Contract, result: UnitResult, day: date) -> _Numbered:
    """Number the rows of a candidate and find those that break its rules."""
    table, copy = quoted(contract.name), quoted(f"{contract.name}__numbered")
    # a copy, since a view would number the rows otherwise each time that it is read
    connection.execute(
        f"create or replace table {copy} as"
        f" select *, row_number() over () as {_NUMBER} from {table}"
    )
    connection.execute(f"create or replace view {table} as select * from {copy}")
    ref = "source_ref" if contract.column("source_ref") else _NUMBER
    found: dict[int, LeftOut] = {}
    alone: dict[int, LeftOut] = {}
    for of, rule in broken_rules(result):
        rows = offending_rows(rule, contract, day) if of is contract else None
        if rows is None:
            continue
        name = f"{contract.name}.{rule.id}"
        for number, place in connection.execute(rows.select(_NUMBER, ref)).fetchall():
            shown = str(place) if ref != _NUMBER and place is not None else ""
            row = LeftOut(contract.name, shown, name)
            found.setdefault(number, row)
            if not rows.compares:
                alone.setdefault(number, row)
    count = connection.execute(f"select count(*) from {copy}").fetchall()[0][0]
    return _Numbered(contract, count, found, alone)


def _without(numbered: _Numbered, *, close_ranks: bool) -> str:
    """Return the SELECT of the rows that stay, in the columns of the contract."""
    closed = f"row_number() over (order by {_RANK}, {_NUMBER})"
    kept = [
        f"cast({closed} as {column.physical_type}) as {_RANK}"
        if close_ranks and column.name == _RANK
        else quoted(column.name)
        for column in numbered.contract.columns
    ]
    left = ", ".join(map(str, sorted(numbered.found))) or "0"
    copy = quoted(f"{numbered.contract.name}__numbered")
    return f"select {', '.join(kept)} from {copy} where {_NUMBER} not in ({left})"
