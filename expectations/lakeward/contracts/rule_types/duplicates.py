"""No two rows share a key."""

from collections.abc import Iterator
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
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType, promise
from lakeward.contracts.sentences import listed
from lakeward.contracts.sql_text import quoted
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject, SchemaProperty


@dataclass(frozen=True)
class Duplicates:
    """Rows that share their key with another row; rows with a NULL in the key do not count."""

    columns: tuple[str, ...]

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the columns of the key."""
        return tuple(ColumnRef(name) for name in self.columns)

    def sentence(self) -> str:
        """Say it in words."""
        return f"No two rows share the same {listed(self.columns)}."

    def count(self, contract: Contract, day: date) -> CountQuery:
        """Count the rows with a whole key, and every row of a key that occurs more than once."""
        names = ", ".join(f"t.{quoted(name)}" for name in self.columns)
        # without this, `group by` would make one key of all rows with a NULL in it
        present = " and ".join(f"t.{quoted(name)} is not null" for name in self.columns)
        table = quoted(contract.name)
        return CountQuery(
            "select coalesce(sum(n), 0), coalesce(sum(n) filter (where n > 1), 0) from (select"
            f" count(*) as n from {table} t where {present} group by {names})",
            offenders=OffendingRows(
                "t",
                f"(select t.*, count(*) over (partition by {names}) as rows_of_key"
                f" from {table} t where {present}) t where t.rows_of_key > 1",
                compares=True,
            ),
        )

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation of uniqueness, which has another name for several columns."""
        if not threshold.forbids_any:
            return None
        if len(self.columns) == 1:
            return Expectation("ExpectColumnValuesToBeUnique", {"column": self.columns[0]})
        return Expectation(
            "ExpectCompoundColumnsToBeUnique",
            # as in the count above: its default would let rows count that have part of the key
            {"column_list": list(self.columns), "ignore_row_if": "any_value_is_missing"},
        )


def _from_keys(where: str, table: "SchemaObject") -> Iterator[Rule]:
    keys = [item for item in table.properties or [] if item.primaryKey]
    if keys:
        # the order of the key is stated by position, not by where its columns stand in the table
        keys.sort(key=lambda item: item.primaryKeyPosition or 1)
        names = tuple(str(item.name) for item in keys)
        yield promise("primary_key", Duplicates(names), "uniqueness")


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    if item.unique:
        yield promise(f"{item.name}.unique", Duplicates((str(item.name),)), "uniqueness")


def _read(where: str, place: QualityPlace, arguments: Arguments) -> Duplicates:
    names = arguments.get("properties") or ([place.column] if place.column else [])
    if not isinstance(names, list) or not names:
        raise SpecError(where, "duplicateValues of what?", "arguments: {properties: [...]}")
    return Duplicates(tuple(str(name) for name in names))


RULE_TYPE = RuleType(
    "duplicates",
    from_keys=_from_keys,
    from_column=_from_column,
    quality=QualityForm(
        _read,
        metric="duplicateValues",
        arguments=frozenset({"properties"}),
        on_column=False,
        dimension="uniqueness",
    ),
)
