"""Every key is found in another table."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import (
    ColumnRef,
    Contract,
    CountQuery,
    Expectation,
    OffendingRows,
    Rule,
)
from lakeward.contracts.rule_terms import dimension_of, severity_of, threshold_of
from lakeward.contracts.rule_type import RuleType
from lakeward.contracts.sentences import listed, readable
from lakeward.contracts.sql_text import quoted
from lakeward.contracts.threshold import NONE_AT_ALL, Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import Relationship, SchemaObject


@dataclass(frozen=True)
class Unreferenced:
    """Rows whose key is not found in another table; rows with a NULL in the key do not count."""

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the columns of the key, here and there."""
        there = (ColumnRef(name, self.table) for name in self.to_columns)
        return (*(ColumnRef(name) for name in self.columns), *there)

    def sentence(self) -> str:
        """Say it in words."""
        return f"Every {listed(self.columns)} is known in {readable(self.table)}."

    def count(self, contract: Contract, day: date) -> CountQuery:
        """Count the rows with a whole key, and those whose key the other table lacks."""
        present = " and ".join(f"t.{quoted(name)} is not null" for name in self.columns)
        keys = " and ".join(
            f"o.{quoted(there)} = t.{quoted(here)}"
            for here, there in zip(self.columns, self.to_columns, strict=True)
        )
        # no join: a key that occurs twice there must not count a row twice
        found = f"exists (select 1 from {quoted(self.table)} o where {keys})"
        return CountQuery(
            "select count(*), count(*) filter (where not is_found) from"
            f" (select {found} as is_found from {quoted(contract.name)} t where {present})",
            offenders=OffendingRows(
                "t", f"{quoted(contract.name)} t where {present} and not {found}"
            ),
        )

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Leave it to our own: theirs looks at one table."""
        return None


def _from_relationship(
    where: str, table: "SchemaObject", relationship: "Relationship", column: str | None
) -> Rule:
    extra = {str(item.property): item.value for item in relationship.customProperties or []}
    check = _check(where, table, relationship, column)
    description = str(extra.pop("description", "") or check.sentence())
    severity = severity_of(where, extra.pop("severity", None))
    dimension = dimension_of(where, extra.pop("dimension", None) or "consistency")
    # ODCS gives a relationship no threshold, so it stands in the custom properties; none means
    # that every key must be found
    threshold = threshold_of(where, extra) if set(extra) - {"unit"} else NONE_AT_ALL
    rule_id = relationship.id or f"{'_'.join(check.columns)}.reference"
    return Rule(rule_id, check, threshold, severity, dimension, description)


def _check(
    where: str, table: "SchemaObject", relationship: "Relationship", column: str | None
) -> Unreferenced:
    if (relationship.type or "foreignKey") != "foreignKey":
        raise SpecError(where, "a relationship of another type than foreignKey", "foreignKey")
    sources = [f"{table.name}.{column}"] if column else _as_list(relationship.from_)
    if column and relationship.from_ and _as_list(relationship.from_) != sources:
        raise SpecError(where, "a relationship from another column", "no `from` on a column")
    here = [_split(where, source) for source in sources]
    there = [_split(where, target) for target in _as_list(relationship.to)]
    if not here or len(here) != len(there) or len({to for to, _ in there}) != 1:
        raise SpecError(where, "from and to of a relationship differ", "as many columns, one table")
    if {source for source, _ in here} - {table.name, table.physicalName}:
        raise SpecError(where, "a relationship starts at another table", f"{table.name}.<column>")
    columns, to_columns = (tuple(name for _, name in side) for side in (here, there))
    return Unreferenced(columns, there[0][0], to_columns)


def _as_list(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _split(where: str, reference: str) -> tuple[str, str]:
    table, _, column = reference.partition(".")
    if not table or not column or "." in column or "/" in reference:
        raise SpecError(where, f"the reference {reference} cannot be read", "table.column")
    return table, column


RULE_TYPE = RuleType("unreferenced", from_relationship=_from_relationship)
