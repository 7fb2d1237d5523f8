"""Compiling rules: each form of ODCS becomes a rule or an error, none is dropped."""

from decimal import Decimal
from fractions import Fraction

import pytest
from open_data_contract_standard.model import SchemaObject

from lakeward.contracts.model import Rule, Severity
from lakeward.contracts.rule_types.duplicates import Duplicates
from lakeward.contracts.rule_types.missing_values import MissingValues
from lakeward.contracts.rule_types.nulls import Nulls
from lakeward.contracts.rule_types.off_pattern import OffPattern
from lakeward.contracts.rule_types.outside_length import OutsideLength
from lakeward.contracts.rule_types.outside_range import OutsideRange
from lakeward.contracts.rule_types.outside_set import OutsideSet
from lakeward.contracts.rule_types.query_result import Query
from lakeward.contracts.rule_types.row_count import RowCount
from lakeward.contracts.rule_types.unreferenced import Unreferenced
from lakeward.contracts.rules import compile_rules
from lakeward.contracts.threshold import Measure, Operator, Threshold
from lakeward.core.errors import SpecError

THRESHOLDS = {
    "mustBe": 0,
    "mustNotBe": 1,
    "mustBeGreaterThan": 2,
    "mustBeGreaterOrEqualTo": 3,
    "mustBeLessThan": 4.5,
    "mustBeLessOrEqualTo": 5,
    "mustBeBetween": [1, 9],
    "mustNotBeBetween": [2, 8],
}
METRICS = {
    "rowCount": {},
    "nullValues": {},
    "missingValues": {"missingValues": [None, "n/a"]},
    "invalidValues": {"validValues": ["a", "b"]},
    "duplicateValues": {},
}


def _rules(item: dict | None = None, **table: object) -> dict[str, Rule]:
    properties = [{"name": "a", "logicalType": "string", **(item or {})}, {"name": "b"}]
    made = SchemaObject(name="t", physicalName="x__t", properties=properties, **table)
    return {rule.id: rule for rule in compile_rules("contract t", made)}


@pytest.mark.parametrize("operator", THRESHOLDS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("unit", ["rows", "percent"])
def test_each_metric_with_each_threshold_in_each_unit(
    metric: str, operator: str, unit: str
) -> None:
    quality = {
        "id": "q",
        "metric": metric,
        "unit": unit,
        "arguments": METRICS[metric],
        operator: THRESHOLDS[operator],
    }
    if (metric, unit) == ("rowCount", "percent"):
        with pytest.raises(SpecError, match="percent"):
            _rules({"quality": [quality]})
        return
    rule = _rules({"quality": [quality]})["q"]
    bounds = THRESHOLDS[operator]
    listed = bounds if isinstance(bounds, list) else [bounds]
    assert rule.threshold == Threshold(
        Operator(operator), tuple(Decimal(str(bound)) for bound in listed), Measure(unit)
    )
    assert rule.severity is Severity.ERROR
    assert rule.description.endswith(".")


@pytest.mark.parametrize(
    ("operator", "bounds", "holds", "breaks"),
    [
        (Operator.BE, (2,), [2], [1, 3]),
        (Operator.NOT_BE, (2,), [1, 3], [2]),
        (Operator.GREATER, (2,), [3], [2, 1]),
        (Operator.GREATER_OR_EQUAL, (2,), [2, 3], [1]),
        (Operator.LESS, (2,), [1], [2, 3]),
        (Operator.LESS_OR_EQUAL, (2,), [1, 2], [3]),
        (Operator.BETWEEN, (2, 5), [3, 4], [2, 5, 6]),
        (Operator.NOT_BETWEEN, (2, 5), [2, 5, 6], [3, 4]),
    ],
)
def test_thresholds(
    operator: Operator, bounds: tuple[int, ...], holds: list[int], breaks: list[int]
) -> None:
    threshold = Threshold(operator, tuple(Decimal(bound) for bound in bounds))
    assert [threshold.holds(Fraction(number)) for number in holds] == [True] * len(holds)
    assert [threshold.holds(Fraction(number)) for number in breaks] == [False] * len(breaks)


def test_shares_are_compared_exactly() -> None:
    threshold = Threshold(Operator.LESS, (Decimal("0.3"),), Measure.PERCENT)
    assert not threshold.holds(100 * Fraction(3, 1000))
    assert threshold.holds(100 * Fraction(2999, 1_000_000))


def test_each_form_becomes_its_check() -> None:
    checks = {
        rule_id: rule.check
        for rule_id, rule in _rules(
            {
                "required": True,
                "unique": True,
                "enum": [{"value": "x"}],
                "logicalTypeOptions": {
                    "pattern": "^x{2}$",
                    "minLength": 1,
                    "maxLength": 9,
                    "minimum": 0,
                    "exclusiveMaximum": 10,
                },
                "quality": [
                    {"id": "nulls", "metric": "nullValues", "mustBe": 0},
                    {"id": "missing", "metric": "missingValues", "mustBe": 0},
                    {
                        "id": "form",
                        "metric": "invalidValues",
                        "arguments": {"pattern": "x"},
                        "mustBe": 0,
                    },
                ],
                "relationships": [{"to": "other.k"}],
            },
            quality=[
                {"id": "rows", "metric": "rowCount", "mustBe": 0},
                {
                    "id": "pair",
                    "metric": "duplicateValues",
                    "arguments": {"properties": ["a", "b"]},
                    "mustBe": 0,
                },
                {
                    "id": "query",
                    "type": "sql",
                    "query": "select count(*) from {object};",
                    "mustBe": 0,
                    "description": "x",
                },
                {"id": "note", "type": "text", "description": "Read me."},
            ],
            relationships=[{"id": "both", "from": ["t.a", "t.b"], "to": ["other.a", "other.b"]}],
        ).items()
    }
    checks.pop("columns")
    assert checks == {
        "rows": RowCount(),
        "pair": Duplicates(("a", "b")),
        "query": Query("select count(*) from {object}"),
        "note": None,
        "both": Unreferenced(("a", "b"), "other", ("a", "b")),
        "a.required": Nulls("a"),
        "a.unique": Duplicates(("a",)),
        "a.enum": OutsideSet("a", ("x",)),
        "a.pattern": OffPattern("a", "^x{2}$"),
        "a.range": OutsideRange("a", 0, 10, below_maximum=True),
        "a.length": OutsideLength("a", 1, 9),
        "nulls": Nulls("a"),
        "missing": MissingValues("a", (None, "")),
        "form": OffPattern("a", "x"),
        "a.reference": Unreferenced(("a",), "other", ("k",)),
    }


def test_a_composite_key_is_one_rule_in_the_order_of_positions() -> None:
    made = SchemaObject(
        name="t",
        properties=[
            {"name": "second", "primaryKey": True, "primaryKeyPosition": 2},
            {"name": "first", "primaryKey": True, "primaryKeyPosition": 1},
        ],
    )
    rules = {rule.id: rule.check for rule in compile_rules("contract t", made)}
    assert rules["primary_key"] == Duplicates(("first", "second"))
    assert "first.unique" not in rules


def test_a_reference_may_allow_a_share_and_be_a_warning() -> None:
    extra = {"unit": "percent", "mustBeLessThan": 0.5, "severity": "warning"}
    custom = [{"property": name, "value": value} for name, value in extra.items()]
    rule = _rules({"relationships": [{"to": "o.k", "customProperties": custom}]})["a.reference"]
    assert rule.threshold == Threshold(Operator.LESS, (Decimal("0.5"),), Measure.PERCENT)
    assert rule.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"logicalTypeOptions": {"format": "email"}}, "format cannot be compiled"),
        ({"logicalTypeOptions": {"pattern": "(?=x)"}}, "cannot run"),
        ({"logicalTypeOptions": {"pattern": "("}}, "pattern is wrong"),
        ({"logicalTypeOptions": {"minimum": 1, "exclusiveMinimum": 1}}, "both minimum"),
        ({"quality": [{"id": "q", "type": "custom", "mustBe": 0}]}, "custom cannot be compiled"),
        ({"quality": [{"id": "q", "engine": "x", "mustBe": 0}]}, "engine cannot be compiled"),
        ({"quality": [{"id": "q", "metric": "nullValues", "mustBe": "x"}]}, "wrong value"),
        ({"quality": [{"id": "q", "metric": "nullValues", "mustBeBetween": [5, 1]}]}, "swapped"),
        (
            {"quality": [{"id": "q", "metric": "nullValues", "mustBe": 0, "severity": "bad"}]},
            "severity bad",
        ),
        (
            {"quality": [{"id": "q", "metric": "nullValues", "mustBe": 0, "dimension": "x"}]},
            "dimension x",
        ),
        (
            {"quality": [{"id": "q", "metric": "nullValues", "mustBe": 0, "arguments": {"x": 1}}]},
            "knows no arguments x",
        ),
        ({"quality": [{"id": "q", "metric": "invalidValues", "mustBe": 0}]}, "by what"),
        (
            {"quality": [{"id": "q", "type": "sql", "query": "select 1", "mustBe": 0}]},
            "does not read the table",
        ),
        (
            {"quality": [{"id": "q", "type": "sql", "query": "drop table x", "mustBe": 0}]},
            "no single SELECT",
        ),
        ({"relationships": [{"to": "other"}]}, "cannot be read"),
        ({"relationships": [{"to": "o.k", "type": "other"}]}, "foreignKey"),
        (
            {"relationships": [{"to": "o.k", "customProperties": [{"property": "x", "value": 1}]}]},
            "thresholds",
        ),
        ({"required": True, "quality": [{"id": "a.required", "type": "text"}]}, "no description"),
    ],
)
def test_what_cannot_be_compiled_is_an_error(item: dict, said: str) -> None:
    with pytest.raises(SpecError) as error:
        _rules(item)
    assert said in str(error.value)


def test_ids_are_used_once() -> None:
    rule = {"id": "q", "metric": "nullValues", "mustBe": 0}
    with pytest.raises(SpecError, match="q stands 2 times"):
        _rules({"quality": [rule, rule]})
