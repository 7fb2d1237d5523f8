"""Counts, in DuckDB, what each rule of a contract looks at and what breaks it.

Every check brings its SQL (`contracts.rule_types`). Aggregates over the table are counted in one
scan, whatever their number; keys, references and queries take a scan each. Only counts leave the
database. Whether a count is good is decided in `run`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from lakeward.contracts.model import Aggregates, Check, Contract, CountQuery
from lakeward.contracts.sql_text import quoted
from lakeward.contracts.threshold import Measure
from lakeward.core.errors import SpecError
from lakeward.lake.query import DatabaseError

if TYPE_CHECKING:
    from lakeward.lake.query import Connection

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Counted:
    """What was counted for a rule: rows of the table, those looked at, those that break it."""

    rows: int
    evaluated: int
    unexpected: Fraction

    def measured(self, measure: Measure) -> Fraction:
        """Return the number that the rule's threshold is about."""
        return self.unexpected if measure is Measure.ROWS else self.percent

    @property
    def percent(self) -> Fraction:
        """Exact share of `unexpected` in those looked at; 0 when there are none."""
        return 100 * self.unexpected / self.evaluated if self.evaluated else Fraction(0)


def count_rules(connection: "Connection", contract: Contract, day: date) -> dict[str, Counted]:
    """Count for every rule that is measured, by rule id.

    Raises:
        SpecError: The table or a column is absent, or a rule cannot be run.
    """
    checks = {rule.id: rule.check for rule in contract.rules if rule.check is not None}
    _require_columns(connection, contract, checks)
    queries: dict[str, CountQuery] = {}
    aggregates: dict[str, Aggregates] = {}
    for rule_id, check in checks.items():
        sql = check.count(contract, day)
        if isinstance(sql, Aggregates):
            aggregates[rule_id] = sql
        else:
            queries[rule_id] = sql
    rows, counts = _count_in_one_scan(connection, contract, aggregates)
    for rule_id, query in queries.items():
        where = f"contract {contract.name} rule {rule_id}"
        counts[rule_id] = _count_alone(connection, where, query, rows)
    return counts


def words_of_rules(contract: Contract, day: date) -> set[str]:
    """Return the words in the SQL of a contract's rules: among them each table that they read."""
    found = [r.check.count(contract, day) for r in contract.rules if r.check is not None]
    parts = (
        (sql.evaluated, sql.unexpected) if isinstance(sql, Aggregates) else (sql.sql,)
        for sql in found
    )
    return {word for texts in parts for text in texts for word in _WORD.findall(text)}


def _require_columns(
    connection: "Connection", contract: Contract, checks: dict[str, Check]
) -> None:
    # one absent column fails the scan of all rules: name it, and the rule, before that
    where = f"contract {contract.name}"
    try:
        found = connection.execute(f"describe {quoted(contract.name)}").fetchall()
    except DatabaseError:
        raise SpecError(where, "its table does not exist", "a candidate of that name") from None
    present = {str(row[0]) for row in found}
    for rule_id, check in checks.items():
        for column in check.reads():
            if column.table is None and column.name not in present:
                raise SpecError(
                    where, f"the table lacks column {column.name}", f"it for rule {rule_id}"
                )


def _count_in_one_scan(
    connection: "Connection", contract: Contract, aggregates: dict[str, Aggregates]
) -> tuple[int, dict[str, Counted]]:
    """Count what needs no query of its own; the first number is that of the rows."""
    parts = ["count(*)"]
    for sql in aggregates.values():
        parts += [sql.evaluated, sql.unexpected]
    query = f"select {', '.join(parts)} from {quoted(contract.name)}"
    found = _one_row(connection, f"contract {contract.name}", query, len(parts))
    # [rows | evaluated, unexpected | evaluated, unexpected | …], in the order of `aggregates`
    rows, evaluated, unexpected = int(found[0]), found[1::2], found[2::2]
    return rows, {
        rule_id: Counted(rows, int(looked_at), Fraction(broken))
        for rule_id, looked_at, broken in zip(aggregates, evaluated, unexpected, strict=True)
    }


def _count_alone(connection: "Connection", where: str, query: CountQuery, rows: int) -> Counted:
    if query.looks_at_every_row:
        (unexpected,) = _one_row(connection, where, query.sql, 1)
        return Counted(rows, rows, Fraction(unexpected))
    evaluated, unexpected = _one_row(connection, where, query.sql, 2)
    return Counted(rows, int(evaluated), Fraction(unexpected))


def _one_row(
    connection: "Connection", where: str, query: str, width: int
) -> "Sequence[int | float | Decimal]":
    """Run a query that returns one row of numbers; messages of the engine may quote values."""
    try:
        found = connection.execute(query).fetchmany(2)  # the second shows that it is not one
    except DatabaseError as error:
        raise SpecError(
            where, f"the rule cannot be run ({_reason(error)})", "columns and types that fit"
        ) from None
    if len(found) != 1 or len(found[0]) != width:
        raise SpecError(where, "the rule gives no single row", f"{width} number(s)")
    for value in found[0]:
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        # 1/0 is infinite in DuckDB, and NaN differs from itself
        if not number or value != value or value in (float("inf"), float("-inf")):
            raise SpecError(where, "the rule gives no number", "a count, never NULL")
    return tuple(found[0])


def _reason(error: DatabaseError) -> str:
    """Say why a statement failed: what the planner says is about SQL, all else may quote data."""
    name = type(error).__name__
    planned = name in ("ParserException", "BinderException", "CatalogException")
    return f"{name}: {str(error).splitlines()[0]}" if planned else name
