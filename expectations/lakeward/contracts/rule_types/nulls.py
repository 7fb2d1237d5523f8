"""A column has a value in every row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation, Rule
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType, promise
from lakeward.contracts.sentences import readable
from lakeward.contracts.sql_text import count_rows, quoted
from lakeward.contracts.threshold import Threshold

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty


@dataclass(frozen=True)
class Nulls:
    """Rows without a value."""

    column: str

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        return f"Every row has a value for {readable(self.column)}."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count all rows, and those that hold NULL."""
        return count_rows(f"{quoted(self.column)} is null")

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation that no row holds NULL."""
        if not threshold.forbids_any:
            return None
        return Expectation("ExpectColumnValuesToNotBeNull", {"column": self.column})


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    # a key column needs a value, whether or not the contract says so again
    if item.required or item.primaryKey:
        yield promise(f"{item.name}.required", Nulls(str(item.name)), "completeness")


def _read(where: str, place: QualityPlace, arguments: Arguments) -> Nulls:
    return Nulls(str(place.column))


RULE_TYPE = RuleType(
    "nulls",
    from_column=_from_column,
    quality=QualityForm(_read, metric="nullValues", dimension="completeness"),
)
