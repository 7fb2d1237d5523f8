"""Every rule type is whole: registered, written in some form, counted, and decided on.

`EXAMPLES` holds one rule of each type on `canonical__demo` of ten rows; a new type needs one more.
"""

import ast
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from open_data_contract_standard.model import SchemaObject

from lakeward.contracts import rule_types
from lakeward.contracts.model import (
    Aggregates,
    Contract,
    ContractColumn,
    CountQuery,
    Expectation,
    Rule,
)
from lakeward.contracts.rule_type import RuleType
from lakeward.contracts.rule_types import RULE_TYPES
from lakeward.contracts.rules import compile_rules
from lakeward.contracts.threshold import NONE_AT_ALL, Operator, Threshold

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
    "outside set": ("k.enum", {"enum": [{"value": "x"}]}, {}),
    "off pattern": ("k.pattern", {"logicalTypeOptions": {"pattern": "^x$"}}, {}),
    "outside range": ("k.range", {"logicalTypeOptions": {"minimum": "a"}}, {}),
    "outside length": ("k.length", {"logicalTypeOptions": {"maxLength": 3}}, {}),
    "unreferenced": ("k.reference", {"relationships": [{"to": "canonical__o.k"}]}, {}),
    "query": (
        "q",
        {},
        _quality(type="sql", query="select 1 from {object}", mustBe=0, description="One."),
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


def _contract() -> Contract:
    column = ContractColumn("k", "VARCHAR", "string", "N", "Column k.")
    return Contract(
        id="demo", name="x__demo", version="1.0.0", domain="demo", purpose="p", description="d",
        owner="team:demo", owner_email="", grain="One row per k.", unit="x", staleness="block",
        consumer="", export_columns=(), export_formats=(), columns=(column,), rules=(),
        latency=None, retention="", end_of_support=DAY,
    )  # fmt: skip


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
def test_every_rule_type_counts_speaks_and_is_decided_on(
    rule_type: RuleType, rule_of: Callable[[RuleType], Rule]
) -> None:
    rule = rule_of(rule_type)
    assert rule.description.endswith(".")
    if rule.check is None:
        assert rule_type.name == "remark"
        return
    assert is_dataclass(rule.check)
    assert hash(rule.check) == hash(rule_of(rule_type).check)
    sql = rule.check.count(_contract(), DAY)
    texts = (sql.evaluated, sql.unexpected) if isinstance(sql, Aggregates) else (sql.sql,)
    assert isinstance(sql, Aggregates | CountQuery)
    assert all(sqlglot.parse(text, dialect="duckdb") for text in texts)
    for threshold in (NONE_AT_ALL, Threshold(Operator.LESS, rule.threshold.bounds)):
        assert isinstance(rule.check.expectation(threshold), Expectation | None)


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
