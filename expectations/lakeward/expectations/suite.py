"""Compiles a contract to a Great Expectations suite: one expectation for each measured rule.

A check that Great Expectations has an expectation for names it (`contracts.rule_types`); for all
others `expect_counted_rows`, our own, compares a count with a threshold of ODCS. Great Expectations
is imported in function bodies only: its import costs seconds.
"""

from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lakeward.contracts.model import Contract, Rule, Severity
from lakeward.contracts.threshold import Measure, Operator, Threshold
from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.settings import silence_telemetry
from lakeward.expectations.measure import Counted

if TYPE_CHECKING:
    from types import ModuleType

COUNTED_TYPE = "expect_counted_rows"
RULE_ID = "rule_id"
DIGEST = "contract_sha256"
"""Key in a suite's `meta`: a stored suite of an equal contract need not be stored again."""

_SEVERITY = {Severity.ERROR: "critical", Severity.WARNING: "warning"}


@cache
def great_expectations() -> "ModuleType":
    """Import Great Expectations with its telemetry off."""
    silence_telemetry()  # read by it when it is imported
    import great_expectations as gx

    return cast("ModuleType", gx)


def build_suite(contract: Contract) -> Any:
    """Build the `ExpectationSuite` of a contract; promises that are only words are its notes."""
    gx = great_expectations()
    remarks = [rule.description for rule in contract.rules if rule.check is None]
    about = (
        f"{contract.description} {contract.purpose} {contract.grain} Owner: {contract.owner}.",
        contract.usage,
        contract.limitations,
    )
    return gx.ExpectationSuite(
        name=contract.name,
        expectations=[expectation_of(rule) for rule in contract.rules if rule.check is not None],
        notes=[*(text.strip() for text in about if text), *remarks],
        meta={
            "contract_id": contract.id,
            "contract_version": contract.version,
            # of the whole contract: the notes of a suite hold its words, so a
            # changed word is a changed suite
            DIGEST: sha256_of(repr(contract).encode()),
        },
    )


def expectation_of(rule: Rule) -> Any:
    """Compile one measured rule to an expectation.

    Raises:
        SpecError: The rule is only words, or its check names an expectation that there is not.
    """
    if rule.check is None:
        raise SpecError(f"rule {rule.id}", "is not measured", "a rule with a check")
    described = {
        # Great Expectations reads `$name` in a text as a parameter.
        "description": rule.description.replace("$", "$$"),
        "severity": _SEVERITY[rule.severity],
        "meta": {RULE_ID: rule.id, "dimension": rule.dimension},
    }
    theirs = rule.check.expectation(rule.threshold)
    if theirs is None:
        return counted_expectation()(
            rule=rule.id,
            operator=str(rule.threshold.operator),
            # as text: suites are stored as JSON, which would round a Decimal
            bounds=[str(bound) for bound in rule.threshold.bounds],
            measure=str(rule.threshold.measure),
            **described,
        )
    great_expectations()
    import great_expectations.expectations as gxe

    # rule types name it as text, which mypy cannot check: an update may rename one
    if not hasattr(gxe, theirs.name):
        raise SpecError(
            f"rule {rule.id}", f"there is no {theirs.name}", "one of the pinned version"
        )
    return getattr(gxe, theirs.name)(**theirs.arguments, **described)


@cache
def counted_expectation() -> Any:
    """Return our own expectation class: a count or share of rows satisfies a threshold of ODCS.

    Cached, since defining the class registers it with Great Expectations.
    """
    great_expectations()
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

    class ExpectCountedRows(BatchExpectation):  # type: ignore[misc]
        """Expect the number or share of rows that a rule counts to satisfy its threshold."""

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
            unexpected: Fraction = metrics["counted.unexpected"]
            counted = Counted(0, metrics["counted.evaluated"], unexpected)
            result = {
                "element_count": counted.evaluated,
                "unexpected_count": int(unexpected),
                "unexpected_percent": float(counted.percent),
            }
            success = threshold.holds(counted.measured(threshold.measure))
            return {"success": success, "result": result}

    # stored suites hold this name; it is made from the name of the class
    if ExpectCountedRows.expectation_type != COUNTED_TYPE:
        raise SpecError("suite", "the expectation is registered by another name", COUNTED_TYPE)
    return ExpectCountedRows
