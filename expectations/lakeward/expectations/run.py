"""Checks a candidate table against its contract.

DuckDB counts (`measure`), Great Expectations decides: each expectation names the metrics it needs,
is answered with the counts of its rule, and returns its own result. It never sees a row, so no
report can hold a value; docs/decisions/0012 says why. Storing results and pages belongs to `docs`
and `history`.
"""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from lakeward.contracts.model import Contract, Rule
from lakeward.core.errors import SpecError
from lakeward.expectations.measure import Counted, count_rules
from lakeward.expectations.rule_results import RuleResult, TableResult
from lakeward.expectations.suite import RULE_ID, build_suite

if TYPE_CHECKING:
    from lakeward.expectations.docs import DocsContext
    from lakeward.lake.query import Connection

_NO_VALUES = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
}
"""BASIC alone shows twenty unexpected values: each of the other three closes one way out."""


def check_table(
    connection: "Connection",
    contract: Contract,
    *,
    run_id: str,
    day: date,
    docs: "DocsContext | None" = None,
) -> TableResult:
    """Check every measured rule of a contract on the table of its name.

    Args:
        connection: DuckDB in which the candidate and the tables it refers to are visible by name.
        contract: What the table promised.
        run_id: The run that checks; goes into history and pages.
        day: The day being checked; `{day}` in a `sql` rule.
        docs: Where to keep the result for Data Docs; None keeps nothing.

    Raises:
        SpecError: A rule cannot be evaluated: that is an error, not a broken rule.
    """
    # before the suite is built, whose import costs seconds: an absent column fails at once
    counts = count_rules(connection, contract, day)
    suite = build_suite(contract)
    decided = {
        expectation.meta[RULE_ID]: _evaluate(contract, expectation, counts)
        for expectation in suite.expectations
    }
    found = TableResult(
        table=contract.name,
        unit=contract.unit,
        run_id=run_id,
        day=day,
        contract_version=contract.version,
        results=tuple(
            _rule_result(rule, counts[rule.id], decided[rule.id])
            for rule in contract.rules
            if rule.id in counts
        ),
        checked_at=datetime.now(UTC),
    )
    if docs is not None:
        docs.keep(suite, list(decided.values()), found)
    return found


def _rule_result(rule: Rule, counted: Counted, result: Any) -> RuleResult:
    by_rows = "observed_value" not in result.result  # a row count has no unexpected rows
    return RuleResult(
        rule_id=rule.id,
        severity=rule.severity,
        dimension=rule.dimension,
        passed=bool(result.success),
        evaluated=counted.evaluated,
        unexpected=int(counted.unexpected) if by_rows else 0,
        description=rule.description,
    )


def _evaluate(contract: Contract, expectation: Any, counts: dict[str, Counted]) -> Any:
    """Let one expectation decide; anything but a plain result is an error."""
    where = f"contract {contract.name} rule {expectation.meta[RULE_ID]}"
    metrics = _Metrics(expectation, counts[expectation.meta[RULE_ID]])
    try:
        result = expectation.metrics_validate(
            metrics=metrics, runtime_configuration={"result_format": dict(_NO_VALUES)}
        )
    except Exception as error:
        # its text may quote what it was given; the kind of the error cannot
        raise SpecError(where, f"the expectation failed ({type(error).__name__})") from None
    # an absent metric is an empty result to it, and that would pass for a broken rule
    if not result.result or result.exception_info.get("raised_exception"):
        raise SpecError(where, "the expectation gave no result", "a result with counts")
    return result


class _Metrics(dict[str, Any]):
    """Answers the metrics that one expectation asks for, by name, from the counts of its rule.

    Great Expectations asks with an id that carries the metric's name, as
    `column_values.unique.unexpected_count`; the part before the last dot is the expectation's
    `map_metric`. A metric that is not counted is absent, which it reports as an error.
    """

    def __init__(self, expectation: Any, counted: Counted) -> None:
        own = getattr(expectation, "map_metric", None)
        super().__init__(
            {
                "column_values.nonnull.unexpected_count": counted.rows - counted.evaluated,
                "table.row_count": counted.rows,
                f"{own}.unexpected_count": int(counted.unexpected),
                f"{own}.filtered_row_count": counted.evaluated,
                # asked for by some expectations; without values there is
                # nothing that they could quote
                f"{own}.unexpected_values": [],
                "counted.evaluated": counted.evaluated,
                "counted.unexpected": counted.unexpected,
            }
        )

    def __contains__(self, metric: Any) -> bool:
        return super().__contains__(metric.metric_name)

    def __getitem__(self, metric: Any) -> Any:
        return super().__getitem__(metric.metric_name)
