"""The failure of a step whose tables broke their contract: rule, count, owner and remedy."""

from collections.abc import Sequence

import dagster as dg

from lakeward.assets.failure import CAUSE
from lakeward.contracts import Contract
from lakeward.expectations.rule_results import RuleResult, UnitResult

REMEDY = (
    "read the quality history for these rules, ask the owner, mend the cause, run the day again;"
    " nothing that broke its contract was released"
)


def broken_contract(result: UnitResult, contracts: Sequence[Contract]) -> dg.Failure:
    """Return the failure that the page of the run shows in place of a stack trace."""
    tables = [table for table in result.tables if table.errors]
    owners = {c.name: c.owner for c in contracts}
    metadata: dict[str, str | int] = {CAUSE: "contract", "remedy": REMEDY}
    for table in tables:
        metadata[f"owner of {table.table}"] = owners[table.table]
        for rule in table.errors:
            metadata[f"{table.table}.{rule.rule_id}"] = (
                f"{rule.unexpected} of {rule.evaluated}: {rule.description}"
            )
    return dg.Failure(
        description="; ".join(f"{t.table}: {counts_of(t.errors)}" for t in tables)
        + f"; owner {', '.join(sorted({owners[t.table] for t in tables}))}",
        metadata=metadata,
        allow_retries=False,
    )


def counts_of(broken: Sequence[RuleResult]) -> str:
    """Return what broken rules counted, by rule."""
    return "; ".join(f"{r.rule_id}: {r.unexpected} of {r.evaluated}" for r in broken)
