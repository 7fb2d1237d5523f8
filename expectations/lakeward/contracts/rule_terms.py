"""Reads what every rule has, whatever it measures: threshold, severity, dimension."""

from decimal import Decimal
from typing import Any

from lakeward.contracts.model import Severity
from lakeward.contracts.threshold import Measure, Operator, Threshold
from lakeward.core.errors import SpecError

DIMENSIONS = (
    "accuracy",
    "completeness",
    "conformity",
    "consistency",
    "coverage",
    "timeliness",
    "uniqueness",
)
"""Source: Open Data Contract Standard 3.1, section Data Quality, `dimension`."""


def severity_of(where: str, text: object) -> Severity:
    """Read `error` (the default) or `warning`."""
    if text is None:
        return Severity.ERROR
    if text in ("error", "warning"):
        return Severity(str(text))
    raise SpecError(where, f"severity {text} is unknown", "error or warning")


def dimension_of(where: str, text: str) -> str:
    """Read one of the seven dimensions of ODCS."""
    if text in DIMENSIONS:
        return text
    raise SpecError(where, f"dimension {text} is unknown", ", ".join(DIMENSIONS))


def threshold_of(where: str, given: dict[str, Any]) -> Threshold:
    """Read the one threshold among `given`, whose keys are ODCS names (and `unit`)."""
    given = {key: value for key, value in given.items() if value is not None}
    unit = given.pop("unit", "rows")
    if unit not in ("rows", "percent"):
        raise SpecError(where, f"unit {unit} is unknown", "rows or percent")
    if len(given) != 1 or next(iter(given)) not in list(Operator):
        raise SpecError(where, f"{len(given)} thresholds", f"exactly one of {', '.join(Operator)}")
    ((name, value),) = given.items()
    bounds = value if isinstance(value, list) else [value]
    needed = 2 if name in (Operator.BETWEEN, Operator.NOT_BETWEEN) else 1
    # a bool is an int in Python, and `mustBe: true` means nothing
    numbers = [isinstance(b, int | float) and not isinstance(b, bool) for b in bounds]
    if len(bounds) != needed or not all(numbers):
        raise SpecError(where, f"{name} has a wrong value", f"{needed} number(s)")
    # between 5 and 1 lies nothing, so the rule would be broken every night
    if bounds[0] > bounds[-1]:
        raise SpecError(where, f"{name} has its bounds swapped", "the smaller first")
    # by way of text: Decimal(0.1) is not 0.1
    return Threshold(Operator(name), tuple(Decimal(str(b)) for b in bounds), Measure(unit))
