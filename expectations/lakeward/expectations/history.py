"""Quality history: every verdict on every rule, night by night, as rows of one Delta table.

Rows hold counts and names of rules, never a value. How history looks to people belongs to
`quality_page.py`, what it means over time to `trend.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.expectations.judgement import Judgement
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
    description="Verdicts of contracts on candidate tables, one run after the other.",
    grain="One row per run, table and rule.",
    columns=tuple(
        Column(name, kind, Phi.N, description)
        for name, kind, description in (
            ("day", "DATE", "The day that was judged."),
            ("run_id", "VARCHAR", "The run that judged."),
            ("unit", "VARCHAR", "Release unit of the table."),
            ("table", "VARCHAR", "The table that was judged."),
            ("delta_version", "BIGINT", "The version of it that was judged."),
            ("contract_version", "VARCHAR", "Version of the contract."),
            ("rule_id", "VARCHAR", "The rule, stable within the contract."),
            ("dimension", "VARCHAR", "Quality dimension of the rule."),
            ("severity", "VARCHAR", "error blocks the release, warning is shown."),
            ("passed", "BOOLEAN", "Whether the rule held."),
            ("evaluated", "BIGINT", "Rows, values or columns looked at."),
            ("unexpected", "BIGINT", "How many of them broke the rule."),
            ("judged_at", "TIMESTAMP WITH TIME ZONE", "When it was judged."),
        )
    ),
)


def record(lake: Lake, judgements: Sequence[Judgement], versions: Mapping[str, int]) -> TableWrite:
    """Append the results of judgements; `versions` says which version of each table was judged."""
    rows = [
        {
            "day": judgement.day,
            "run_id": judgement.run_id,
            "unit": judgement.unit,
            "table": judgement.table,
            "delta_version": versions[judgement.table],
            "contract_version": judgement.contract_version,
            "rule_id": result.rule_id,
            "dimension": result.dimension,
            "severity": str(result.severity),
            "passed": result.passed,
            "evaluated": result.evaluated,
            "unexpected": result.unexpected,
            "judged_at": judgement.judged_at,
        }
        for judgement in judgements
        for result in judgement.results
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(QUALITY_RESULT))
    return write(lake, QUALITY_RESULT, table, mode="append")


def latest_verdict(lake: Lake, unit: str) -> tuple[dict[str, int], str, tuple[str, ...]] | None:
    """Give the newest verdict on a unit: versions by table, contract versions, broken rules."""
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
    pins = {str(row[0]): int(row[1]) for row in rows}
    broken = tuple(f"{row[0]}.{row[3]}" for row in rows if row[4] == "error" and not row[5])
    return pins, ",".join(sorted({str(row[2]) for row in rows})), broken


@dataclass(frozen=True)
class Night:
    """The last verdict of one night on one rule."""

    day: date
    unit: str
    table: str
    rule_id: str
    dimension: str
    severity: str
    passed: bool
    evaluated: int
    unexpected: int


def nights(lake: Lake, *, last: int = 30) -> list[Night]:
    """Read the last verdict on each rule in each of the last nights, oldest night first."""
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
    return [Night(*row) for row in rows]


def _query(lake: Lake, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    if open_table(lake, QUALITY_RESULT.name) is None:
        return []
    with connect(lake, tables=[QUALITY_RESULT.name]) as connection:
        return list(connection.execute(sql, parameters).fetchall())
