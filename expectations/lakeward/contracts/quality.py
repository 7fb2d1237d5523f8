"""Compiles one ODCS `quality` entry: library metric, `sql` or `text`, with its threshold.

The surface is closed on purpose: five metrics, eight thresholds, two measures. Anything else is
an error that names the rule.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lakeward.contracts.model import (
    NONE_AT_ALL,
    Check,
    Duplicates,
    Measure,
    Missing,
    Nulls,
    OffPattern,
    Operator,
    OutsideSet,
    Query,
    Remark,
    RowCount,
    Rule,
    Severity,
    Threshold,
)
from lakeward.contracts.patterns import checked_pattern
from lakeward.contracts.words import sentence
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality

DIMENSIONS = (
    "accuracy",
    "completeness",
    "conformity",
    "consistency",
    "coverage",
    "timeliness",
    "uniqueness",
)
_USUAL_DIMENSION = {
    "rowCount": "coverage",
    "nullValues": "completeness",
    "missingValues": "completeness",
    "invalidValues": "conformity",
    "duplicateValues": "uniqueness",
}
_UNREAD = ("rule", "engine", "implementation", "schedule", "scheduler")


def compile_quality(where: str, quality: "DataQuality", column: str | None) -> Rule:
    """Compile one entry; `column` is the property it stands on, if any."""
    if not quality.id:
        raise SpecError(where, "a quality rule without id", "id: <stable_name>")
    where = f"{where} rule {quality.id}"
    for name in _UNREAD:
        if getattr(quality, name) is not None:
            raise SpecError(where, f"{name} cannot be compiled", "type library, sql or text")
    kind = quality.type or "library"
    if kind == "library":
        check = _library(where, quality, column)
    elif kind == "sql":
        check = _query(where, quality)
    elif kind == "text":
        check = Remark()
    else:
        raise SpecError(where, f"type {kind} cannot be compiled", "library, sql or text")
    return Rule(
        id=quality.id,
        check=check,
        threshold=NONE_AT_ALL if kind == "text" else _threshold(where, quality, check),
        severity=severity_of(where, quality.severity),
        dimension=dimension_of(
            where, quality.dimension or _USUAL_DIMENSION.get(quality.metric or "", "consistency")
        ),
        description=_described(where, quality, check),
    )


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
    wanted = 2 if name in (Operator.BETWEEN, Operator.NOT_BETWEEN) else 1
    numbers = [isinstance(b, int | float) and not isinstance(b, bool) for b in bounds]
    if len(bounds) != wanted or not all(numbers):
        raise SpecError(where, f"{name} has a wrong value", f"{wanted} number(s)")
    if bounds[0] > bounds[-1]:
        raise SpecError(where, f"{name} has its bounds swapped", "the smaller first")
    return Threshold(Operator(name), tuple(Decimal(str(b)) for b in bounds), Measure(unit))


def _threshold(where: str, quality: "DataQuality", check: Check) -> Threshold:
    given = {name: getattr(quality, name) for name in (*Operator, "unit")}
    threshold = threshold_of(where, given)
    if isinstance(check, RowCount) and threshold.measure is Measure.PERCENT:
        raise SpecError(where, "rowCount in percent means nothing", "unit: rows")
    return threshold


def _library(where: str, quality: "DataQuality", column: str | None) -> Check:
    arguments = dict(quality.arguments or {})
    check = _metric(where, str(quality.metric), arguments, column)
    if arguments:
        raise SpecError(
            where, f"{quality.metric} knows no arguments {', '.join(sorted(arguments))}"
        )
    return check


def _metric(where: str, metric: str, arguments: dict[str, Any], column: str | None) -> Check:
    if metric == "rowCount":
        return RowCount()
    if metric == "duplicateValues":
        names = arguments.pop("properties", None) or ([column] if column else [])
        if not isinstance(names, list) or not names:
            raise SpecError(where, "duplicateValues of what?", "arguments: {properties: [...]}")
        return Duplicates(tuple(str(name) for name in names))
    if metric not in _USUAL_DIMENSION:
        raise SpecError(where, f"metric {metric} is unknown", ", ".join(_USUAL_DIMENSION))
    if column is None:
        raise SpecError(where, f"{metric} stands on the table", "it on a column")
    if metric == "nullValues":
        return Nulls(column)
    if metric == "missingValues":
        values = arguments.pop("missingValues", [None, ""])
        return Missing(column, tuple(None if v is None else str(v) for v in values))
    return _invalid(where, arguments, column)


def _invalid(where: str, arguments: dict[str, Any], column: str) -> Check:
    values, pattern = arguments.pop("validValues", None), arguments.pop("pattern", None)
    if (values is None) == (pattern is None):
        raise SpecError(where, "invalidValues by what?", "one of validValues and pattern")
    if pattern is not None:
        return OffPattern(column, checked_pattern(where, pattern))
    scalars = isinstance(values, list) and all(isinstance(v, str | int | float) for v in values)
    if not scalars or not values:
        raise SpecError(where, "validValues is no list of plain values", "[first, second]")
    return OutsideSet(column, tuple(values))


def _query(where: str, quality: "DataQuality") -> Query:
    text = (quality.query or "").strip().rstrip(";")
    if not text.lower().startswith(("select", "with")) or ";" in text:
        raise SpecError(where, "the query is no single SELECT", "select count(*) from {object} …")
    if "{object}" not in text:
        raise SpecError(where, "the query does not read the table", "{object} in it")
    return Query(text)


def _described(where: str, quality: "DataQuality", check: Check) -> str:
    if quality.description:
        return " ".join(quality.description.split())
    if isinstance(check, Query | Remark):
        raise SpecError(where, "no description", "a plain sentence that says what holds")
    return sentence(check)
