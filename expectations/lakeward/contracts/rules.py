"""Compiles what an ODCS document promises into rules; a rule that cannot be compiled is an error.

Structure and root-level lint belong to `odcs`, single quality entries to `quality`, and what each
kind of rule is to `rule_types`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakeward.contracts.model import Rule
from lakeward.contracts.quality import compile_quality
from lakeward.contracts.rule_types import RULE_TYPES
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import Relationship, SchemaObject, SchemaProperty

_TYPE_FACTS = {"timezone", "defaultTimezone"}
"""Keys of `logicalTypeOptions` that say what a type is; `odcs` compares them with physicalType."""


def compile_rules(where: str, table: "SchemaObject") -> tuple[Rule, ...]:
    """Return every rule of the table, each with an id of its own.

    The order is that of the file within each place, and part of the outbox: a manifest and a block
    notice list broken rules in it.
    """
    properties = table.properties or []
    rules = [
        *_from_table(where, table),
        *(compile_quality(where, item, column=None) for item in table.quality or []),
        *_from_relationships(where, table, table.relationships or [], column=None),
        *_from_keys(where, table),
    ]
    for item in properties:
        rules.extend(_column_rules(f"{where} column {item.name}", table, item))
    # history is kept by rule id: two rules of one id would be one line
    # that is broken and not broken
    _reject_doubled_ids(where, rules)
    _reject_unknown_columns(where, rules, {str(item.name) for item in properties})
    return tuple(rules)


def _from_table(where: str, table: "SchemaObject") -> Iterator[Rule]:
    for rule_type in RULE_TYPES:
        if rule_type.from_table is not None:
            yield from rule_type.from_table(where, table)


def _from_keys(where: str, table: "SchemaObject") -> Iterator[Rule]:
    for rule_type in RULE_TYPES:
        if rule_type.from_keys is not None:
            yield from rule_type.from_keys(where, table)


def _from_relationships(
    where: str, table: "SchemaObject", relationships: "list[Relationship]", column: str | None
) -> Iterator[Rule]:
    for relationship in relationships:
        for rule_type in RULE_TYPES:
            if rule_type.from_relationship is not None:
                yield rule_type.from_relationship(where, table, relationship, column)


def _column_rules(where: str, table: "SchemaObject", item: "SchemaProperty") -> Iterator[Rule]:
    _reject_unread_options(where, item)
    for rule_type in RULE_TYPES:
        if rule_type.from_column is not None:
            yield from rule_type.from_column(where, item)
    for quality in item.quality or []:
        yield compile_quality(where, quality, column=item)
    yield from _from_relationships(where, table, item.relationships or [], column=str(item.name))


def _reject_unread_options(where: str, item: "SchemaProperty") -> None:
    # an option that nobody reads would be a promise that nobody checks
    read = [option for rule_type in RULE_TYPES for option in sorted(rule_type.options)]
    unread = set(item.logicalTypeOptions or {}) - _TYPE_FACTS - set(read)
    if unread:
        raise SpecError(
            where,
            f"logicalTypeOptions {', '.join(sorted(unread))} cannot be compiled to a rule",
            ", ".join(read),
        )


def _reject_doubled_ids(where: str, rules: list[Rule]) -> None:
    for rule_id, times in Counter(rule.id for rule in rules).items():
        if times > 1:
            raise SpecError(where, f"rule id {rule_id} stands {times} times", "ids used once")


def _reject_unknown_columns(where: str, rules: list[Rule], promised: set[str]) -> None:
    for rule in rules:
        read = rule.check.reads() if rule.check is not None else ()
        for name in sorted({c.name for c in read if c.table is None} - promised):
            raise SpecError(where, f"rule {rule.id} uses column {name}", "a column of the contract")
