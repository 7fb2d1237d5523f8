"""Every value lies between two bounds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation, Rule
from lakeward.contracts.rule_type import RuleType, promise
from lakeward.contracts.sentences import limits, readable
from lakeward.contracts.sql_text import column_of, count_values, literal, quoted
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty

Bound = int | float | str
"""A number, or a date or instant as ISO text."""

_OPTIONS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


@dataclass(frozen=True)
class OutsideRange:
    """Values below a minimum or above a maximum; `above_minimum` excludes the minimum itself."""

    column: str
    minimum: Bound | None = None
    maximum: Bound | None = None
    above_minimum: bool = False
    below_maximum: bool = False

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        words = limits(
            self.minimum, self.maximum, above=self.above_minimum, below=self.below_maximum
        )
        return f"Every {readable(self.column)} is {words}."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count the values, and those outside the bounds."""
        kind = column_of(contract, self.column).physical_type
        parts = []
        for bound, strict, sign in (
            (self.minimum, self.above_minimum, "<"),
            (self.maximum, self.below_maximum, ">"),
        ):
            if bound is not None:
                # a text is cast: '1900-01-01' compared as text would be right by luck only
                value = f"cast({literal(bound)} as {kind})" if isinstance(bound, str) else bound
                parts.append(f"{quoted(self.column)} {sign}{'=' if strict else ''} {value}")
        return count_values(self.column, " or ".join(parts))

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation that every value is within the bounds."""
        if not threshold.forbids_any:
            return None
        return Expectation(
            "ExpectColumnValuesToBeBetween",
            {
                "column": self.column,
                "min_value": self.minimum,
                "max_value": self.maximum,
                "strict_min": self.above_minimum,
                "strict_max": self.below_maximum,
            },
        )


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    options: dict[str, Any] = item.logicalTypeOptions or {}
    given = options.keys() & _OPTIONS
    if not given:
        return
    # with both, which one counts would depend on the reader
    for closed, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if {closed, strict} <= given:
            raise SpecError(where, f"both {closed} and {strict} are given", "one of them")
    for key in sorted(given):
        # a bool is an int in Python, and `maximum: true` means nothing
        if isinstance(options[key], bool) or not isinstance(options[key], int | float | str):
            raise SpecError(where, f"{key} is no bound", "a number, or a date as text")
    check = OutsideRange(
        str(item.name),
        minimum=options.get("minimum", options.get("exclusiveMinimum")),
        maximum=options.get("maximum", options.get("exclusiveMaximum")),
        above_minimum="exclusiveMinimum" in given,
        below_maximum="exclusiveMaximum" in given,
    )
    yield promise(f"{item.name}.range", check, "conformity")


RULE_TYPE = RuleType("outside range", from_column=_from_column, options=_OPTIONS)
