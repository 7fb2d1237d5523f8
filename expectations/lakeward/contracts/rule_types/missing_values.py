"""A column holds no value that stands for "nothing"."""

from dataclasses import dataclass
from datetime import date

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType
from lakeward.contracts.sentences import readable
from lakeward.contracts.sql_text import count_rows, literal, quoted
from lakeward.contracts.threshold import Threshold


@dataclass(frozen=True)
class MissingValues:
    """Rows whose value stands for "nothing" (`None` means NULL)."""

    column: str
    values: tuple[str | None, ...]

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        return f"Every row has a value for {readable(self.column)}."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count all rows, and those that hold NULL (if listed) or one of the texts."""
        name = quoted(self.column)
        texts = ", ".join(literal(value) for value in self.values if value is not None)
        # `NULL in (…)` is NULL: without coalesce the condition would be neither true nor false
        parts = [f"{name} is null"] if None in self.values else []
        parts += [f"coalesce(cast({name} as varchar) in ({texts}), false)"] if texts else []
        return count_rows(" or ".join(parts) or "false")

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Leave it to our own: theirs knows NULL only."""
        return None


def _read(where: str, place: QualityPlace, arguments: Arguments) -> MissingValues:
    # NULL and the empty text: sources leave a field without a value in either way
    values = arguments.get("missingValues", [None, ""])
    return MissingValues(
        str(place.column), tuple(None if value is None else str(value) for value in values)
    )


RULE_TYPE = RuleType(
    "missing values",
    quality=QualityForm(
        _read,
        metric="missingValues",
        arguments=frozenset({"missingValues"}),
        dimension="completeness",
    ),
)
