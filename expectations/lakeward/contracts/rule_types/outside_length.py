"""Every text is as long as agreed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation, Rule
from lakeward.contracts.rule_type import RuleType, promise
from lakeward.contracts.sentences import limits, readable
from lakeward.contracts.sql_text import count_values, quoted
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty

_OPTIONS = frozenset({"minLength", "maxLength"})


@dataclass(frozen=True)
class OutsideLength:
    """Texts that are too short or too long, in characters."""

    column: str
    minimum: int | None = None
    maximum: int | None = None

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        words = limits(self.minimum, self.maximum)
        return f"Every {readable(self.column)} is {words} characters long."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count the texts, and those of another length."""
        size = f"length({quoted(self.column)})"
        parts = [f"{size} < {self.minimum}"] if self.minimum is not None else []
        parts += [f"{size} > {self.maximum}"] if self.maximum is not None else []
        return count_values(self.column, " or ".join(parts))

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation that every text has an agreed length."""
        if not threshold.forbids_any:
            return None
        arguments = {"column": self.column, "min_value": self.minimum, "max_value": self.maximum}
        return Expectation("ExpectColumnValueLengthsToBeBetween", arguments)


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    options = item.logicalTypeOptions or {}
    if not options.keys() & _OPTIONS:
        return
    shortest, longest = options.get("minLength"), options.get("maxLength")
    for bound in (shortest, longest):
        if bound is not None and not isinstance(bound, int):
            raise SpecError(where, "a length is no whole number", "minLength: 1")
    check = OutsideLength(str(item.name), shortest, longest)
    yield promise(f"{item.name}.length", check, "conformity")


RULE_TYPE = RuleType("outside length", from_column=_from_column, options=_OPTIONS)
