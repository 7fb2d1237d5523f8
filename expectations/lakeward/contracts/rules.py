"""Compiles what an ODCS document promises into rules; a rule that cannot be compiled is an error.

Structure and root-level lint belong to `odcs.py`, single quality entries to `quality.py`.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from lakeward.contracts.model import (
    NONE_AT_ALL,
    Bound,
    Check,
    ColumnsAsPromised,
    Duplicates,
    Nulls,
    OffPattern,
    OutsideLength,
    OutsideRange,
    OutsideSet,
    Rule,
    Severity,
    Unreferenced,
    columns_of,
)
from lakeward.contracts.patterns import checked_pattern
from lakeward.contracts.quality import compile_quality, dimension_of, severity_of, threshold_of
from lakeward.contracts.words import sentence
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from open_data_contract_standard.model import Relationship, SchemaObject, SchemaProperty

_TYPE_FACTS = {"timezone", "defaultTimezone"}
_RANGE = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_LENGTH = {"minLength", "maxLength"}


def compile_rules(where: str, table: "SchemaObject") -> tuple[Rule, ...]:
    """Give every rule of the table, in the order of the file; ids are unique."""
    properties = table.properties or []
    rules = [promise("columns", ColumnsAsPromised(), "conformity")]
    rules.extend(compile_quality(where, item, column=None) for item in table.quality or [])
    rules.extend(_reference(where, table, item, column=None) for item in table.relationships or [])
    rules.extend(_primary_key(properties))
    for item in properties:
        rules.extend(_column_rules(f"{where} column {item.name}", table, item))
    _refuse_doubles(where, rules)
    _refuse_unknown_columns(where, rules, {str(item.name) for item in properties})
    _refuse_unquoted(where, rules, {str(p.name) for p in properties if p.logicalType == "string"})
    return tuple(rules)


def promise(rule_id: str, check: Check, dimension: str) -> Rule:
    """Make a rule that nothing may break, described in a sentence of its own."""
    return Rule(rule_id, check, NONE_AT_ALL, Severity.ERROR, dimension, sentence(check))


def _primary_key(properties: "list[SchemaProperty]") -> "Iterator[Rule]":
    keys = [item for item in properties if item.primaryKey]
    if keys:
        keys.sort(key=lambda item: item.primaryKeyPosition or 1)
        names = tuple(str(item.name) for item in keys)
        yield promise("primary_key", Duplicates(names), "uniqueness")


def _column_rules(where: str, table: "SchemaObject", item: "SchemaProperty") -> "Iterator[Rule]":
    name = str(item.name)
    if item.required or item.primaryKey:
        yield promise(f"{name}.required", Nulls(name), "completeness")
    if item.unique:
        yield promise(f"{name}.unique", Duplicates((name,)), "uniqueness")
    if item.enum:
        allowed = tuple(value.value for value in item.enum if value.value is not None)
        yield promise(f"{name}.enum", OutsideSet(name, allowed), "conformity")
    yield from _options(where, name, item.logicalTypeOptions or {})
    for quality in item.quality or []:
        yield compile_quality(where, quality, column=name)
    for relationship in item.relationships or []:
        yield _reference(where, table, relationship, column=name)


def _options(where: str, name: str, options: dict[str, Any]) -> "Iterator[Rule]":
    unknown = set(options) - _TYPE_FACTS - _RANGE - _LENGTH - {"pattern"}
    if unknown:
        raise SpecError(
            where,
            f"logicalTypeOptions {', '.join(sorted(unknown))} cannot be compiled to a rule",
            "pattern, minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum",
        )
    if "pattern" in options:
        pattern = checked_pattern(where, options["pattern"])
        yield promise(f"{name}.pattern", OffPattern(name, pattern), "conformity")
    if options.keys() & _RANGE:
        yield promise(f"{name}.range", _range(where, name, options), "conformity")
    if options.keys() & _LENGTH:
        shortest, longest = options.get("minLength"), options.get("maxLength")
        for bound in (shortest, longest):
            if bound is not None and not isinstance(bound, int):
                raise SpecError(where, "a length is no whole number", "minLength: 1")
        check = OutsideLength(name, shortest, longest)
        yield promise(f"{name}.length", check, "conformity")


def _range(where: str, name: str, options: dict[str, Any]) -> OutsideRange:
    for closed, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if closed in options and strict in options:
            raise SpecError(where, f"both {closed} and {strict} are given", "one of them")
    bounds: dict[str, Bound] = {}
    for key in options.keys() & _RANGE:
        value = options[key]
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise SpecError(where, f"{key} is no bound", "a number, or a date as text")
        bounds[key] = value
    return OutsideRange(
        name,
        minimum=bounds.get("minimum", bounds.get("exclusiveMinimum")),
        maximum=bounds.get("maximum", bounds.get("exclusiveMaximum")),
        above_minimum="exclusiveMinimum" in bounds,
        below_maximum="exclusiveMaximum" in bounds,
    )


def _reference(
    where: str, table: "SchemaObject", relationship: "Relationship", column: str | None
) -> Rule:
    extra = {str(item.property): item.value for item in relationship.customProperties or []}
    if (relationship.type or "foreignKey") != "foreignKey":
        raise SpecError(where, "a relationship of another type than foreignKey", "foreignKey")
    sources = [f"{table.name}.{column}"] if column else _listed(relationship.from_)
    if column and relationship.from_ and _listed(relationship.from_) != sources:
        raise SpecError(where, "a relationship from another column", "no `from` on a column")
    here = [_split(where, source) for source in sources]
    there = [_split(where, target) for target in _listed(relationship.to)]
    if not here or len(here) != len(there) or len({to for to, _ in there}) != 1:
        raise SpecError(where, "from and to of a relationship differ", "as many columns, one table")
    if {source for source, _ in here} - {table.name, table.physicalName}:
        raise SpecError(where, "a relationship starts at another table", f"{table.name}.<column>")
    columns = tuple(name for _, name in here)
    check = Unreferenced(columns, there[0][0], tuple(name for _, name in there))
    described = str(extra.pop("description", "") or sentence(check))
    severity = severity_of(where, extra.pop("severity", None))
    dimension = dimension_of(where, extra.pop("dimension", None) or "consistency")
    threshold = threshold_of(where, extra) if set(extra) - {"unit"} else NONE_AT_ALL
    rule_id = relationship.id or f"{'_'.join(columns)}.reference"
    return Rule(rule_id, check, threshold, severity, dimension, described)


def _listed(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _split(where: str, reference: str) -> tuple[str, str]:
    table, _, column = reference.partition(".")
    if not table or not column or "." in column or "/" in reference:
        raise SpecError(where, f"the reference {reference} cannot be read", "table.column")
    return table, column


def _refuse_doubles(where: str, rules: list[Rule]) -> None:
    for rule_id, times in Counter(rule.id for rule in rules).items():
        if times > 1:
            raise SpecError(where, f"rule id {rule_id} stands {times} times", "ids used once")


def _refuse_unknown_columns(where: str, rules: list[Rule], known: set[str]) -> None:
    for rule in rules:
        for name in sorted(set(columns_of(rule.check)) - known):
            raise SpecError(where, f"rule {rule.id} uses column {name}", "a column of the contract")


def _refuse_unquoted(where: str, rules: list[Rule], texts: set[str]) -> None:
    """Refuse numbers among the values of a text column: YAML reads 01 as the number 1."""
    for rule in rules:
        check = rule.check
        if isinstance(check, OutsideSet) and check.column in texts:
            for value in check.values:
                if not isinstance(value, str):
                    raise SpecError(
                        where, f"rule {rule.id} has the unquoted value {value}", "quotes"
                    )
