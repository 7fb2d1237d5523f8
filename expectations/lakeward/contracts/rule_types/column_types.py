"""Every promised column is there with its type, and no other column is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import ColumnRef, Contract, CountQuery, Expectation, Rule
from lakeward.contracts.rule_type import RuleType, promise
from lakeward.contracts.sql_text import quoted
from lakeward.contracts.threshold import Threshold

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject


@dataclass(frozen=True)
class ColumnTypes:
    """Columns that are absent, have another type than promised, or nobody promised."""

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name none: an absent column is what the check is to find."""
        return ()

    def sentence(self) -> str:
        """Say it in words."""
        return "Every column is there and has the agreed type."

    def count(self, contract: Contract, day: date) -> CountQuery:
        """Count the columns of contract and table, and those that differ.

        Both sides go through `describe`, so that DuckDB writes a type alike on both: a contract may
        say TIMESTAMPTZ where the table says TIMESTAMP WITH TIME ZONE.
        """
        nulls = ", ".join(
            f"cast(null as {column.physical_type}) as {quoted(column.name)}"
            for column in contract.columns
        )
        return CountQuery(
            "select count(*), count(*) filter"
            # `<>` would be NULL, and count nothing, for a column that only one side has
            " (where promised.column_type is distinct from found.column_type)"
            f" from (describe select {nulls}) as promised"
            f" full join (describe {quoted(contract.name)}) as found using (column_name)"
        )

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Leave it to our own: theirs looks at one column."""
        return None


def _from_table(where: str, table: "SchemaObject") -> Iterator[Rule]:
    yield promise("columns", ColumnTypes(), "conformity")


RULE_TYPE = RuleType("column types", from_table=_from_table)
