"""Quality history: what every rule found, night by night, as rows of one Delta table.

Rows hold counts and names of rules, never a value. How history looks to people belongs to
`quality_page`, what it means over time to `trend`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.expectations.rule_results import TableResult, UnitResult
from lakeward.lake.query import connect
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    arrow_schema,
    open_table,
    write,
)

QUALITY_RESULT = TableSpec(
    name="quality_result",
    description="What the rules of contracts found in candidate tables, run after run.",
    grain="One row per run, table and rule.",
    columns=tuple(
        Column(name, kind, Phi.N, description)
        for name, kind, description in (
            ("day", "DATE", "The day that was checked."),
            ("run_id", "VARCHAR", "The run that checked."),
            ("unit", "VARCHAR", "Release unit of the table."),
            ("table", "VARCHAR", "The table that was checked."),
            ("delta_version", "BIGINT", "The version of it that was checked."),
            ("contract_version", "VARCHAR", "Version of the contract."),
            ("rule_id", "VARCHAR", "The rule, stable within the contract."),
            ("dimension", "VARCHAR", "Quality dimension of the rule."),
            ("severity", "VARCHAR", "error holds the release, warning is shown."),
            ("passed", "BOOLEAN", "Whether the rule held."),
            ("evaluated", "BIGINT", "Rows, values or columns looked at."),
            ("unexpected", "BIGINT", "How many of them broke the rule."),
            ("judged_at", "TIMESTAMP WITH TIME ZONE", "When it was checked."),
        )
    ),
)


def record_results(
    lake: Lake, tables: Sequence[TableResult], versions: Mapping[str, int]
) -> TableWrite:
    """Append what rules found; `versions` is the Delta version of each table that was checked."""
    rows = [
        {
            "day": table.day,
            "run_id": table.run_id,
            "unit": table.unit,
            "table": table.table,
            "delta_version": versions[table.table],
            "contract_version": table.contract_version,
            "rule_id": result.rule_id,
            "dimension": result.dimension,
            "severity": str(result.severity),
            "passed": result.passed,
            "evaluated": result.evaluated,
            "unexpected": result.unexpected,
            "judged_at": table.checked_at,
        }
        for table in tables
        for result in table.results
    ]
    data = pa.Table.from_pylist(rows, schema=arrow_schema(QUALITY_RESULT))
    return write(lake, QUALITY_RESULT, data, mode="append")


def newest_result(lake: Lake, unit: str) -> UnitResult | None:
    """Read what the newest run found in a unit; None when it was never checked.

    A run that checked a table twice counts by its last time.
    """
    # a retried step has checked its tables twice in one run: the last time counts
    rows = _query(
        lake,
        """
        select "table", delta_version, contract_version, rule_id, severity, passed
        from (
            select *, max(judged_at) over (partition by run_id, "table") as newest,
                first_value(run_id) over (order by judged_at desc, run_id desc) as newest_run
            from quality_result where unit = $unit
        )
        where judged_at = newest and run_id = newest_run
        order by "table", rule_id
        """,
        {"unit": unit},
    )
    if not rows:
        return None
    return UnitResult(
        unit=unit,
        pins={str(row[0]): int(row[1]) for row in rows},
        contract_version=",".join(sorted({str(row[2]) for row in rows})),
        # the same names as `unit.check_unit` gives: a release that is decided
        # later holds for the same rules
        broken=tuple(f"{row[0]}.{row[3]}" for row in rows if row[4] == "error" and not row[5]),
    )


@dataclass(frozen=True)
class NightlyResult:
    """What one rule found in one night, the last time it was checked then."""

    day: date
    unit: str
    table: str
    rule_id: str
    dimension: str
    severity: str
    passed: bool
    evaluated: int
    unexpected: int


def nightly_results(lake: Lake, *, last: int = 30) -> list[NightlyResult]:
    """Read what each rule found in each of the last nights, oldest night first."""
    # nights are ranked, not days: after a week without runs the last nights are still shown
    rows = _query(
        lake,
        """
        select day, unit, "table", rule_id, dimension, severity, passed, evaluated, unexpected
        from (
            select *, max(judged_at) over (partition by day, "table") as newest,
                dense_rank() over (order by day desc) as night
            from quality_result
        )
        where judged_at = newest and night <= $last
        order by day, "table", rule_id
        """,
        {"last": last},
    )
    return [NightlyResult(*row) for row in rows]


def _query(lake: Lake, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    if open_table(lake, QUALITY_RESULT.name) is None:
        return []  # before the first night; reports are rendered all the same
    with connect(lake, tables=[QUALITY_RESULT.name]) as connection:
        return list(connection.execute(sql, parameters).fetchall())
