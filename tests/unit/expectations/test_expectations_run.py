"""Checking a table: counts are right, Great Expectations decides, an unsound rule is an error."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from lakeward.contracts import Contract, load_contracts
from lakeward.contracts.model import Severity
from lakeward.core.errors import SpecError
from lakeward.expectations.run import check_table
from lakeward.expectations.suite import build_suite, great_expectations
from lakeward.lake.query import Connection, connect

DAY = date(2026, 11, 22)
Make = Callable[..., Contract]


def _quality(metric: str, **more: Any) -> dict[str, Any]:
    return {"quality": [{"id": "q", "metric": metric, "mustBe": 0, **more}]}


def _results(connection: Connection, contract: Contract) -> dict[str, tuple[bool, int, int]]:
    found = check_table(connection, contract, run_id="r", day=DAY)
    return {r.rule_id: (r.passed, r.evaluated, r.unexpected) for r in found.results}


@pytest.mark.parametrize(
    ("column", "promise", "rule", "expected"),
    [
        ("k", {"required": True}, "k.required", (False, 10, 1)),
        ("k", _quality("nullValues", unit="percent"), "q", (False, 10, 1)),
        ("k", _quality("missingValues"), "q", (False, 10, 2)),
        (
            "k",
            _quality("missingValues", arguments={"missingValues": ["", "d"]}),
            "q",
            (False, 10, 2),
        ),
        ("k", {"unique": True}, "k.unique", (False, 9, 4)),
        ("n", {"unique": True}, "n.unique", (True, 9, 0)),
        (
            "k",
            _quality("invalidValues", arguments={"validValues": ["a", "b", "c", "it's"]}),
            "q",
            (False, 9, 4),
        ),
        (
            "tags",
            _quality("invalidValues", arguments={"validValues": ["x", "y"]}),
            "q",
            (False, 9, 1),
        ),
        ("k", {"logicalTypeOptions": {"pattern": "^[a-z]{1}$"}}, "k.pattern", (False, 9, 2)),
        ("k", {"logicalTypeOptions": {"minLength": 1}}, "k.length", (False, 9, 1)),
        (
            "k",
            {"logicalTypeOptions": {"minLength": 1, "maxLength": 2}},
            "k.length",
            (False, 9, 2),
        ),
        (
            "n",
            {"logicalTypeOptions": {"minimum": 0, "exclusiveMaximum": 100}},
            "n.range",
            (False, 9, 2),
        ),
        ("n", {"logicalTypeOptions": {"minimum": -1, "maximum": 100}}, "n.range", (True, 9, 0)),
        ("at", {"logicalTypeOptions": {"minimum": "1900-01-01"}}, "at.range", (False, 8, 1)),
        ("k", {"relationships": [{"to": "canonical__other.k"}]}, "k.reference", (False, 9, 3)),
    ],
)
def test_rows_that_break_a_rule_are_counted(
    connection: Connection,
    contract_of: Make,
    column: str,
    promise: dict[str, Any],
    rule: str,
    expected: tuple[bool, int, int],
) -> None:
    assert _results(connection, contract_of({column: promise}))[rule] == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"metric": "rowCount", "mustBeBetween": [9, 11]}, (True, 10, 0)),
        ({"metric": "rowCount", "mustBeBetween": [10, 11]}, (False, 10, 0)),
        ({"metric": "rowCount", "mustBe": 10}, (True, 10, 0)),
        ({"metric": "rowCount", "mustBeLessThan": 10}, (False, 10, 0)),
        ({"metric": "rowCount", "mustNotBe": 10}, (False, 10, 10)),
        (
            {
                "metric": "duplicateValues",
                "arguments": {"properties": ["k", "n"]},
                "mustBe": 0,
            },
            (True, 8, 0),
        ),
        (
            {
                "type": "sql",
                "query": 'select count(*) from {object} where "at" < {day} - 325',
                "mustBeLessThan": 3,
            },
            (True, 10, 1),
        ),
        (
            {
                "type": "sql",
                "query": "select count(*) from {object} join canonical__other using (k)",
                "unit": "percent",
                "mustBeGreaterOrEqualTo": 60,
            },
            (True, 10, 6),
        ),
        (
            {"type": "sql", "query": "select 2.5 from {object} limit 1", "mustBeBetween": [2, 3]},
            (True, 10, 2),
        ),
    ],
)
def test_rules_on_the_table(
    connection: Connection,
    contract_of: Make,
    rule: dict[str, Any],
    expected: tuple[bool, int, int],
) -> None:
    contract = contract_of(quality=[{"id": "q", "description": "Words.", **rule}])
    assert _results(connection, contract)["q"] == expected


@pytest.mark.parametrize(("limit", "passed"), [(10, False), (10.1, True)])
def test_a_share_at_its_limit_is_not_below_it(
    connection: Connection, contract_of: Make, limit: float, passed: bool
) -> None:
    rule = {"id": "q", "metric": "nullValues", "unit": "percent", "mustBeLessThan": limit}
    assert _results(connection, contract_of({"k": {"quality": [rule]}}))["q"][0] is passed


def test_columns_of_another_type_or_without_promise_break_the_contract(
    connection: Connection, contract_of: Make
) -> None:
    assert _results(connection, contract_of())["columns"] == (True, 4, 0)
    connection.execute("alter table canonical__demo alter n type integer")
    connection.execute("alter table canonical__demo add column secret varchar")
    assert _results(connection, contract_of())["columns"] == (False, 5, 2)


def test_only_rules_of_severity_error_hold_a_table_back(
    connection: Connection, contract_of: Make
) -> None:
    quality = {"id": "q", "metric": "nullValues", "mustBe": 0, "severity": "warning"}
    found = check_table(connection, contract_of({"k": {"quality": [quality]}}), run_id="r", day=DAY)
    assert found.passed
    assert [r.rule_id for r in found.warnings] == ["q"]
    assert found.warnings[0].severity is Severity.WARNING


def test_an_empty_table_holds_every_row_wise_rule(
    connection: Connection, contract_of: Make
) -> None:
    connection.execute("delete from canonical__demo")
    contract = contract_of(
        {"k": {"primaryKey": True}},
        quality=[{"id": "q", "metric": "rowCount", "mustBeGreaterThan": 0}],
    )
    results = _results(connection, contract)
    assert [rule for rule, (passed, *_) in results.items() if not passed] == ["q"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select max(n) from {object} where n > 1000", "gives no number"),
        ("select k from {object} where k = 'a' limit 1", "gives no number"),
        ("select n from {object}", "no single row"),
        ("select n, n from {object} limit 1", "no single row"),
        ("select count(*) from {object} where nothing = 1", "cannot be run"),
        ("select count(*) from {object}, canonical__absent", "cannot be run"),
        ("select sum(cast(k as integer)) from {object}", "cannot be run (ConversionException)"),
        ("select 1/0 from {object} limit 1", "gives no number"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_an_error_that_quotes_no_value(
    connection: Connection, contract_of: Make, query: str, said: str
) -> None:
    rule = {"id": "q", "type": "sql", "description": "x", "query": query, "mustBe": 0}
    with pytest.raises(SpecError) as error:
        check_table(connection, contract_of(quality=[rule]), run_id="r", day=DAY)
    assert said in str(error.value)
    assert "long-value" not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_table_or_column_that_is_absent_is_an_error(
    connection: Connection, contract_of: Make
) -> None:
    contract = contract_of({"k": {"required": True}})
    connection.execute("alter table canonical__demo drop column k")
    with pytest.raises(SpecError, match="lacks column k"):
        check_table(connection, contract, run_id="r", day=DAY)
    connection.execute("drop table canonical__demo")
    with pytest.raises(SpecError, match="does not exist"):
        check_table(connection, contract, run_id="r", day=DAY)


def test_great_expectations_decides_with_its_own_expectations(contract_of: Make) -> None:
    contract = contract_of(
        {
            "k": {
                "primaryKey": True,
                "logicalTypeOptions": {"pattern": "x", "maxLength": 3},
                "relationships": [{"to": "canonical__other.k"}],
                **_quality("invalidValues", arguments={"validValues": ["a"]}, severity="warning"),
            },
            "n": {"logicalTypeOptions": {"minimum": 0}},
        },
        quality=[
            {"id": "rows", "metric": "rowCount", "mustBeGreaterThan": 0},
            {"id": "note", "type": "text", "description": "Only said."},
            {
                "id": "pair",
                "metric": "duplicateValues",
                "arguments": {"properties": ["k", "n"]},
                "mustBe": 0,
            },
        ],
    )
    suite = build_suite(contract)
    assert {e.meta["rule_id"]: (e.expectation_type, e.severity) for e in suite.expectations} == {
        "columns": ("expect_counted_rows", "critical"),
        "rows": ("expect_table_row_count_to_be_between", "critical"),
        "pair": ("expect_compound_columns_to_be_unique", "critical"),
        "primary_key": ("expect_column_values_to_be_unique", "critical"),
        "k.required": ("expect_column_values_to_not_be_null", "critical"),
        "k.pattern": ("expect_column_values_to_match_regex", "critical"),
        "k.length": ("expect_column_value_lengths_to_be_between", "critical"),
        "q": ("expect_column_values_to_be_in_set", "warning"),
        "k.reference": ("expect_counted_rows", "critical"),
        "n.range": ("expect_column_values_to_be_between", "critical"),
    }
    assert all(e.description for e in suite.expectations)
    assert "Only said." in suite.notes
    assert "Not for billing." in suite.notes


def test_results_and_counts_equal_those_of_the_pandas_engine(
    connection: Connection, contract_of: Make
) -> None:
    gx = great_expectations()
    contract = contract_of(
        {
            "k": {
                "required": True,
                "unique": True,
                "logicalTypeOptions": {"pattern": "^[a-z]$", "minLength": 1, "maxLength": 2},
                **_quality("invalidValues", arguments={"validValues": ["a", "b", "c"]}),
            },
            "n": {"unique": True, "logicalTypeOptions": {"exclusiveMinimum": 1, "maximum": 7}},
        },
        quality=[
            {"id": "rows", "metric": "rowCount", "mustBeBetween": [9, 11]},
            {
                "id": "pair",
                "metric": "duplicateValues",
                "arguments": {"properties": ["k", "n"]},
                "mustBe": 0,
            },
        ],
    )
    frame = connection.execute("select * from canonical__demo").df()
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("p")
        .add_dataframe_asset("a")
        .add_batch_definition_whole_dataframe("b")
        .get_batch({"dataframe": frame})
    )
    ours = _results(connection, contract)
    for expectation in build_suite(contract).expectations:
        if expectation.expectation_type == "expect_counted_rows":
            continue
        theirs = batch.validate(expectation)
        passed, evaluated, unexpected = ours[expectation.meta["rule_id"]]
        assert theirs.success is passed
        if "unexpected_count" in theirs.result:
            missing = theirs.result.get("missing_count") or 0
            assert (evaluated, unexpected) == (
                theirs.result["element_count"] - missing,
                theirs.result["unexpected_count"],
            )


def test_every_shipped_rule_can_be_evaluated() -> None:
    contracts = load_contracts()
    with connect() as connection:
        for contract in contracts.values():
            columns = ", ".join(f'"{c.name}" {c.physical_type}' for c in contract.columns)
            connection.execute(f'create table "{contract.name}" ({columns})')
        for contract in contracts.values():
            results = _results(connection, contract)
            assert results["columns"][0]


def test_great_expectations_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, lakeward.contracts, lakeward.expectations.run, lakeward.expectations.docs, "
        "lakeward.expectations.history, lakeward.expectations.quality_page; "
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
