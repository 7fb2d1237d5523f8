"""Counts, in DuckDB, what each rule of a contract looks at and what breaks it.

All row-wise rules of a table are counted in one scan; keys, references and queries take a scan
each. Only counts leave the database. Whether a count is good is decided in `run.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from lakeward.contracts.model import (
    ColumnsAsPromised,
    Contract,
    Duplicates,
    Measure,
    Missing,
    Nulls,
    OffPattern,
    OutsideLength,
    OutsideRange,
    OutsideSet,
    Query,
    Remark,
    RowCount,
    Rule,
    Unreferenced,
    columns_of,
)
from lakeward.core.errors import SpecError
from lakeward.expectations.sql import breaking, literal, quoted
from lakeward.lake.query import DatabaseError

if TYPE_CHECKING:
    from lakeward.lake.query import Connection


@dataclass(frozen=True)
class Counted:
    """What was counted for a rule: rows of the table, those looked at, those that break it."""

    rows: int
    evaluated: int
    unexpected: Fraction

    def measured(self, measure: Measure) -> Fraction:
        """Give the number that the rule's threshold is about."""
        if measure is Measure.ROWS:
            return self.unexpected
        return 100 * self.unexpected / self.evaluated if self.evaluated else Fraction(0)


def count_rules(connection: "Connection", contract: Contract, day: date) -> dict[str, Counted]:
    """Count for every rule that can be measured, by rule id.

    Raises:
        SpecError: The table or a column is absent, or a rule cannot be run.
    """
    actual = _columns(connection, contract)
    where = f"contract {contract.name}"
    counts: dict[str, Counted] = {}
    rules = [rule for rule in contract.rules if not isinstance(rule.check, Remark)]
    for rule in rules:
        for name in columns_of(rule.check):
            if name not in actual:
                raise SpecError(where, f"the table lacks column {name}", f"it for rule {rule.id}")
    rows, by_row = _count_by_row(connection, contract, rules)
    for rule in rules:
        if rule.id in by_row:
            counts[rule.id] = by_row[rule.id]
        elif isinstance(rule.check, ColumnsAsPromised):
            counts[rule.id] = _count_columns(connection, contract, actual, rows)
        else:
            counts[rule.id] = _count_alone(connection, contract, rule, rows, day)
    return counts


def _count_by_row(
    connection: "Connection", contract: Contract, rules: list[Rule]
) -> tuple[int, dict[str, Counted]]:
    """Count all row-wise rules in one scan; the first number is that of the rows."""
    types = {column.name: column for column in contract.columns}
    parts = ["count(*)"]
    ids: list[str] = []
    for rule in rules:
        match rule.check:
            case Nulls() | Missing():
                evaluated = "count(*)"
            case OutsideSet() | OffPattern() | OutsideRange() | OutsideLength():
                evaluated = f"count({quoted(rule.check.column)})"
            case _:
                continue
        condition = breaking(rule.check, types[rule.check.column])
        parts += [evaluated, f"count(*) filter (where {condition})"]
        ids.append(rule.id)
    query = f"select {', '.join(parts)} from {quoted(contract.name)}"
    rows, *pairs = _one_row(connection, f"contract {contract.name}", query, len(parts))
    counts = [int(number) for number in pairs]
    return int(rows), {
        rule_id: Counted(int(rows), counts[2 * i], Fraction(counts[2 * i + 1]))
        for i, rule_id in enumerate(ids)
    }


def _count_alone(
    connection: "Connection", contract: Contract, rule: Rule, rows: int, day: date
) -> Counted:
    where = f"contract {contract.name} rule {rule.id}"
    match rule.check:
        case RowCount():
            return Counted(rows, rows, Fraction(rows))
        case Duplicates() | Unreferenced():
            query = _key_query(contract.name, rule.check)
            evaluated, unexpected = _one_row(connection, where, query, 2)
            return Counted(rows, int(evaluated), Fraction(int(unexpected)))
        case Query(sql):
            sql = sql.replace("{object}", quoted(contract.name))
            sql = sql.replace("{day}", f"cast({literal(day.isoformat())} as date)")
            (number,) = _one_row(connection, where, sql, 1)
            return Counted(rows, rows, Fraction(number))
        case _:
            raise SpecError(where, "no way to count it", "a check that measure knows")


def _key_query(table: str, check: Duplicates | Unreferenced) -> str:
    present = " and ".join(f"t.{quoted(name)} is not null" for name in check.columns)
    if isinstance(check, Duplicates):
        names = ", ".join(f"t.{quoted(name)}" for name in check.columns)
        return (
            "select coalesce(sum(n), 0), coalesce(sum(n) filter (where n > 1), 0) from "
            f"(select count(*) as n from {quoted(table)} t where {present} group by {names})"
        )
    keys = " and ".join(
        f"o.{quoted(there)} = t.{quoted(here)}"
        for here, there in zip(check.columns, check.to_columns, strict=True)
    )
    known = f"exists (select 1 from {quoted(check.table)} o where {keys})"
    return (
        f"select count(*), count(*) filter (where not known) from "
        f"(select {known} as known from {quoted(table)} t where {present})"
    )


def _columns(connection: "Connection", contract: Contract) -> dict[str, str]:
    try:
        described = connection.execute(f"describe {quoted(contract.name)}").fetchall()
    except DatabaseError:
        raise SpecError(
            f"contract {contract.name}", "its table does not exist", "a candidate of that name"
        ) from None
    return {str(row[0]): str(row[1]) for row in described}


def _count_columns(
    connection: "Connection", contract: Contract, actual: dict[str, str], rows: int
) -> Counted:
    """Count columns that are absent, of another type, or present without a promise."""
    nulls = ", ".join(
        f"cast(null as {column.physical_type}) as {quoted(column.name)}"
        for column in contract.columns
    )
    try:
        described = connection.execute(f"describe select {nulls}").fetchall()
    except DatabaseError:
        raise SpecError(
            f"contract {contract.name}", "a physicalType is unknown", "DuckDB types"
        ) from None
    promised = {str(row[0]): str(row[1]) for row in described}
    names = promised.keys() | actual.keys()
    wrong = sum(promised.get(name) != actual.get(name) for name in names)
    return Counted(rows, len(names), Fraction(wrong))


def _one_row(
    connection: "Connection", where: str, query: str, width: int
) -> "Sequence[int | float | Decimal]":
    """Run a query that gives one row of numbers; messages of the engine may quote values."""
    try:
        found = connection.execute(query).fetchmany(2)
    except DatabaseError as error:
        raise SpecError(
            where, f"the rule cannot be run ({_reason(error)})", "columns and types that fit"
        ) from None
    if len(found) != 1 or len(found[0]) != width:
        raise SpecError(where, "the rule gives no single row", f"{width} number(s)")
    for value in found[0]:
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if not number or value != value or value in (float("inf"), float("-inf")):
            raise SpecError(where, "the rule gives no number", "a count, never NULL")
    return tuple(found[0])


def _reason(error: DatabaseError) -> str:
    """Say why a statement failed: what the planner says is about SQL, all else may quote data."""
    name = type(error).__name__
    planned = name in ("ParserException", "BinderException", "CatalogException")
    return f"{name}: {str(error).splitlines()[0]}" if planned else name
