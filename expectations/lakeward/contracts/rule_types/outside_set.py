"""Every value is one of a closed set."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation, Rule
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType, promise
from lakeward.contracts.sentences import readable
from lakeward.contracts.sql_text import any_element, column_of, count_values, literal
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty


@dataclass(frozen=True)
class OutsideSet:
    """Values (of a list: lists with an element) that are not in a closed set."""

    column: str
    values: tuple[str | int | float | bool, ...]

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        return f"Every {readable(self.column)} is one of the agreed values."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count the values, and those that the set lacks."""
        agreed = ", ".join(literal(value) for value in self.values)
        column = column_of(contract, self.column)
        # NULL is none of the values: whether there must be one is the promise of `nulls`
        return count_values(
            self.column, any_element(column, lambda value: f"{value} not in ({agreed})")
        )

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation that no value is outside the set."""
        if not threshold.forbids_any:
            return None
        arguments = {"column": self.column, "value_set": list(self.values)}
        return Expectation("ExpectColumnValuesToBeInSet", arguments)


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    if item.enum:
        values = [value.value for value in item.enum if value.value is not None]
        check = OutsideSet(str(item.name), tuple(values))
        _reject_unquoted(where, check, holds_text=item.logicalType == "string")
        yield promise(f"{item.name}.enum", check, "conformity")


def _read(where: str, place: QualityPlace, arguments: Arguments) -> OutsideSet:
    values = arguments["validValues"]
    # a nested list or mapping has no SQL literal
    scalars = isinstance(values, list) and all(isinstance(v, str | int | float) for v in values)
    if not scalars or not values:
        raise SpecError(where, "validValues is no list of plain values", "[first, second]")
    check = OutsideSet(str(place.column), tuple(values))
    _reject_unquoted(where, check, holds_text=place.holds_text)
    return check


def _reject_unquoted(where: str, check: OutsideSet, *, holds_text: bool) -> None:
    """Reject numbers among the values of a text column: YAML reads 01 as the number 1."""
    for value in check.values:
        if holds_text and not isinstance(value, str):
            raise SpecError(where, f"the unquoted value {value} in a text column", "quotes")


RULE_TYPE = RuleType(
    "outside set",
    from_column=_from_column,
    quality=QualityForm(
        _read,
        metric="invalidValues",
        arguments=frozenset({"validValues"}),
        chosen_by="validValues",
        dimension="conformity",
    ),
)
