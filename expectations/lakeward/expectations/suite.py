"""Compiles a contract to a Great Expectations suite: one expectation for each measurable rule.

A rule that forbids a kind of row outright becomes the expectation that Great Expectations has for
it; thresholds in between, references, queries and column types become `expect_counted_rows`, our
own. Great Expectations is imported in function bodies only: its import costs seconds.
"""

from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lakeward.contracts.model import (
    NONE_AT_ALL,
    Contract,
    Duplicates,
    Measure,
    Nulls,
    OffPattern,
    Operator,
    OutsideLength,
    OutsideRange,
    OutsideSet,
    Remark,
    RowCount,
    Rule,
    Severity,
    Threshold,
)
from lakeward.core.errors import SpecError
from lakeward.core.settings import silence_telemetry

if TYPE_CHECKING:
    from fractions import Fraction
    from types import ModuleType

COUNTED_TYPE = "expect_counted_rows"
RULE_ID = "rule_id"
DIGEST = "contract_sha256"
"""Tells in a suite's `meta` whether a stored one says the same."""

_SEVERITY = {Severity.ERROR: "critical", Severity.WARNING: "warning"}


@cache
def great_expectations() -> "ModuleType":
    """Import Great Expectations with its telemetry off."""
    silence_telemetry()  # read by it when it is imported
    import great_expectations as gx

    return cast("ModuleType", gx)


def build_suite(contract: Contract) -> Any:
    """Give the `ExpectationSuite` of a contract; every measurable rule is in it."""
    gx = great_expectations()
    remarks = [rule.description for rule in contract.rules if isinstance(rule.check, Remark)]
    return gx.ExpectationSuite(
        name=contract.name,
        expectations=[
            expectation_of(rule) for rule in contract.rules if not isinstance(rule.check, Remark)
        ],
        notes=[f"{contract.purpose} {contract.grain} Owner: {contract.owner}.", *remarks],
        meta={
            "contract_id": contract.id,
            "contract_version": contract.version,
            DIGEST: sha256(repr(contract).encode()).hexdigest(),
        },
    )


def expectation_of(rule: Rule) -> Any:
    """Compile one rule to an expectation."""
    described = {
        # Great Expectations reads `$name` in a text as a parameter.
        "description": rule.description.replace("$", "$$"),
        "severity": _SEVERITY[rule.severity],
        "meta": {RULE_ID: rule.id, "dimension": rule.dimension},
    }
    native = _native(rule)
    if native is not None:
        name, arguments = native
        great_expectations()
        import great_expectations.expectations as gxe

        return getattr(gxe, name)(**arguments, **described)
    return counted_expectation()(
        rule=rule.id,
        operator=str(rule.threshold.operator),
        bounds=[str(bound) for bound in rule.threshold.bounds],
        measure=str(rule.threshold.measure),
        **described,
    )


def _native(rule: Rule) -> tuple[str, dict[str, Any]] | None:
    if isinstance(rule.check, RowCount):
        return _row_count(rule.threshold)
    if (rule.threshold.operator, rule.threshold.bounds) != (Operator.BE, NONE_AT_ALL.bounds):
        return None
    match rule.check:
        case Nulls(column):
            return "ExpectColumnValuesToNotBeNull", {"column": column}
        case Duplicates((column,)):
            return "ExpectColumnValuesToBeUnique", {"column": column}
        case Duplicates(columns):
            return "ExpectCompoundColumnsToBeUnique", {
                "column_list": list(columns),
                "ignore_row_if": "any_value_is_missing",
            }
        case OutsideSet(column, values):
            return "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(values)}
        case OffPattern(column, pattern):
            return "ExpectColumnValuesToMatchRegex", {"column": column, "regex": pattern}
        case OutsideRange(column, minimum, maximum, above, below):
            limits = {"min_value": minimum, "max_value": maximum}
            strict = {"strict_min": above, "strict_max": below}
            return "ExpectColumnValuesToBeBetween", {"column": column, **limits, **strict}
        case OutsideLength(column, minimum, maximum):
            limits = {"min_value": minimum, "max_value": maximum}
            return "ExpectColumnValueLengthsToBeBetween", {"column": column, **limits}
        case _:
            return None


def _row_count(threshold: Threshold) -> tuple[str, dict[str, Any]] | None:
    whole = [int(bound) for bound in threshold.bounds]
    if any(bound != number for bound, number in zip(threshold.bounds, whole, strict=True)):
        return None
    low, high = whole[0], whole[-1]
    arguments: dict[Operator, dict[str, Any]] = {
        Operator.BE: {"min_value": low, "max_value": low},
        Operator.GREATER: {"min_value": low, "strict_min": True},
        Operator.GREATER_OR_EQUAL: {"min_value": low},
        Operator.LESS: {"max_value": low, "strict_max": True},
        Operator.LESS_OR_EQUAL: {"max_value": low},
        Operator.BETWEEN: {
            "min_value": low,
            "max_value": high,
            "strict_min": True,
            "strict_max": True,
        },
    }
    found = arguments.get(threshold.operator)
    return None if found is None else ("ExpectTableRowCountToBeBetween", found)


@cache
def counted_expectation() -> Any:
    """Give our own expectation class: a count or share of rows meets a threshold of ODCS."""
    great_expectations()
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

    class ExpectCountedRows(BatchExpectation):  # type: ignore[misc]
        """Expect the number or share of rows that a rule counts to meet its threshold."""

        rule: str
        operator: str
        bounds: list[str]
        measure: str

        success_keys: ClassVar[tuple[str, ...]] = ("rule", "operator", "bounds", "measure")

        def get_validation_dependencies(
            self, execution_engine: Any = None, runtime_configuration: Any = None
        ) -> Any:
            needed = super().get_validation_dependencies(execution_engine, runtime_configuration)
            for name in ("counted.evaluated", "counted.unexpected"):
                needed.set_metric_configuration(name, MetricConfiguration(name, {}, {}))
            return needed

        def _validate(
            self, metrics: dict[str, Any], runtime_configuration: Any, execution_engine: Any
        ) -> dict[str, Any]:
            threshold = Threshold(
                Operator(self.operator),
                tuple(Decimal(bound) for bound in self.bounds),
                Measure(self.measure),
            )
            evaluated: int = metrics["counted.evaluated"]
            unexpected: Fraction = metrics["counted.unexpected"]
            share = 100 * unexpected / evaluated if evaluated else unexpected * 0
            compared = share if threshold.measure is Measure.PERCENT else unexpected
            result = {
                "element_count": evaluated,
                "unexpected_count": int(unexpected),
                "unexpected_percent": float(share),
            }
            return {"success": threshold.holds(compared), "result": result}

    if ExpectCountedRows.expectation_type != COUNTED_TYPE:
        raise SpecError("suite", "the expectation is registered by another name", COUNTED_TYPE)
    return ExpectCountedRows
