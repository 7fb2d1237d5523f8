"""Every rule type is whole: registered, written in some form, counted, and decided on.

`EXAMPLES` holds one rule of each type on a table of three rows; a new type needs one more.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from open_data_contract_standard.model import SchemaObject

from lakeward.contracts import rule_types
from lakeward.contracts.model import Contract, ContractColumn, Rule
from lakeward.contracts.rule_type import RuleType
from lakeward.contracts.rule_types import RULE_TYPES
from lakeward.contracts.rules import compile_rules
from lakeward.contracts.threshold import Measure, Operator, Threshold
from lakeward.expectations.measure import count_rules
from lakeward.expectations.run import check_table
from lakeward.lake.query import Connection, connect

FOLDER = Path(rule_types.__file__).parent
DAY = date(2026, 11, 22)


def _quality(**entry: Any) -> dict[str, Any]:
    return {"quality": [{"id": "q", **entry}]}


EXAMPLES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "column types": ("columns", {}, {}),
    "row count": ("q", {}, _quality(metric="rowCount", mustBe=3)),
    "nulls": ("k.required", {"required": True}, {}),
    "missing values": ("q", _quality(metric="missingValues", mustBe=0), {}),
    "duplicates": ("k.unique", {"unique": True}, {}),
    "outside set": ("k.enum", {"enum": [{"value": "x"}, {"value": "x1"}]}, {}),
    "off pattern": ("k.pattern", {"logicalTypeOptions": {"pattern": "^x[0-9]?$"}}, {}),
    "outside range": ("k.range", {"logicalTypeOptions": {"minimum": "1900-01-01"}}, {}),
    "outside length": ("k.length", {"logicalTypeOptions": {"maxLength": 3}}, {}),
    "unreferenced": ("k.reference", {"relationships": [{"to": "canonical__o.k"}]}, {}),
    "query": (
        "q",
        {},
        _quality(type="sql", query="select count(*) from {object}", mustBe=0, description="One."),
    ),
    "remark": ("q", {}, _quality(type="text", description="Only words.")),
}


@pytest.fixture
def rule_of() -> Callable[[RuleType], Rule]:
    """Compile the example of a rule type."""

    def make(rule_type: RuleType) -> Rule:
        rule_id, column, table = EXAMPLES[rule_type.name]
        item = {"name": "k", "logicalType": "string", "physicalType": "VARCHAR", **column}
        made = SchemaObject(name="demo", physicalName="x__demo", properties=[item], **table)
        return {rule.id: rule for rule in compile_rules("contract demo", made)}[rule_id]

    return make


def _contract(rule: Rule) -> Contract:
    column = ContractColumn("k", "VARCHAR", "string", "N", "Column k.")
    return Contract(
        id="demo", name="x__demo", version="1.0.0", domain="demo", purpose="p", description="d",
        usage="", limitations="", owner="team:demo", owner_email="", grain="One row per k.",
        unit="x", staleness="block", consumer="", export_columns=(), export_formats=(),
        columns=(column,), rules=(rule,), latency=None, retention="", end_of_support=DAY,
        needs=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    """Three rows without fault, and the table that they refer to."""
    with connect() as opened:
        opened.execute("create table x__demo as select unnest(['x', 'x1', 'x2']) as k")
        opened.execute("create table canonical__o as select k from x__demo")
        yield opened


def test_every_file_of_rule_types_is_registered_once() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    registered = [
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "RULE_TYPE"
    ]
    assert sorted(registered) == sorted(files)
    assert len(RULE_TYPES) == len({rule_type.name for rule_type in RULE_TYPES}) == len(files)


def test_every_rule_type_has_an_example() -> None:
    assert list(EXAMPLES) == [rule_type.name for rule_type in RULE_TYPES]


@pytest.mark.parametrize("rule_type", RULE_TYPES, ids=lambda each: each.name)
def test_every_rule_type_is_read_from_some_form(rule_type: RuleType) -> None:
    forms = (
        rule_type.from_table,
        rule_type.from_keys,
        rule_type.from_relationship,
        rule_type.from_column,
        rule_type.quality,
    )
    assert any(form is not None for form in forms)
    assert not rule_type.options or rule_type.from_column is not None


@pytest.mark.parametrize("rule_type", RULE_TYPES, ids=lambda each: each.name)
def test_every_rule_type_says_what_holds_and_is_a_value(
    rule_type: RuleType, rule_of: Callable[[RuleType], Rule]
) -> None:
    rule = rule_of(rule_type)
    assert rule.description.endswith(".")
    assert is_dataclass(rule.check) or rule_type.name == "remark"
    assert rule == rule_of(rule_type)


@pytest.mark.parametrize("rule_type", RULE_TYPES, ids=lambda each: each.name)
def test_every_rule_type_is_counted_and_decided_on_by_each_threshold(
    rule_type: RuleType, rule_of: Callable[[RuleType], Rule], database: Connection
) -> None:
    rule = rule_of(rule_type)
    for operator in Operator:
        bounds = (rule.threshold.bounds[0], rule.threshold.bounds[0] + 1)
        threshold = Threshold(operator, bounds if "Between" in operator else bounds[:1])
        contract = _contract(replace(rule, threshold=threshold))
        results = check_table(database, contract, run_id="r", day=DAY).results
        if rule.check is None:
            assert results == ()
        else:
            measured = count_rules(database, contract, DAY)[rule.id].measured(Measure.ROWS)
            assert [found.passed for found in results] == [threshold.holds(measured)]


def test_no_two_rule_types_read_the_same_form() -> None:
    forms = [
        (form.type, form.metric, form.chosen_by)
        for rule_type in RULE_TYPES
        if (form := rule_type.quality) is not None
    ]
    assert len(forms) == len(set(forms))
    options = [option for rule_type in RULE_TYPES for option in rule_type.options]
    assert len(options) == len(set(options))


def test_rule_types_are_named_nowhere_else() -> None:
    package = FOLDER.parents[1]
    stems = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    wrong = [
        f"{path.relative_to(package)}: {node.module}"
        for path in package.rglob("*.py")
        if path.parent != FOLDER
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("lakeward.contracts.rule_types.")
        and (node.module or "").rpartition(".")[2] in stems
    ]
    assert not wrong
