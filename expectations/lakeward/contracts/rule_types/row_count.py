"""How many rows the table has."""

from dataclasses import dataclass
from datetime import date

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType
from lakeward.contracts.threshold import Operator, Threshold


@dataclass(frozen=True)
class RowCount:
    """Rows of the table."""

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name no column."""
        return ()

    def sentence(self) -> str:
        """Say it in words."""
        return "The number of rows is as expected."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count the rows, which are what the threshold is about."""
        return Aggregates("count(*)", "count(*)", condition="")

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return bounds on the number of rows; there are none for "not" and for fractions."""
        # its bounds are whole numbers; rounding 0.5 to 0 would change the promise
        if any(bound != int(bound) for bound in threshold.bounds):
            return None
        low, high = int(threshold.bounds[0]), int(threshold.bounds[-1])
        # "not" needs two ranges, which one expectation cannot say
        arguments: dict[Operator, dict[str, object]] = {
            Operator.BE: {"min_value": low, "max_value": low},
            Operator.GREATER: {"min_value": low, "strict_min": True},
            Operator.GREATER_OR_EQUAL: {"min_value": low},
            Operator.LESS: {"max_value": low, "strict_max": True},
            Operator.LESS_OR_EQUAL: {"max_value": low},
            Operator.BETWEEN: {
                "min_value": low,
                "max_value": high,
                "strict_min": True,
                "strict_max": True,
            },
        }
        found = arguments.get(threshold.operator)
        return None if found is None else Expectation("ExpectTableRowCountToBeBetween", found)


def _read(where: str, place: QualityPlace, arguments: Arguments) -> RowCount:
    return RowCount()


RULE_TYPE = RuleType(
    "row count",
    quality=QualityForm(
        _read, metric="rowCount", on_column=False, in_percent=False, dimension="coverage"
    ),
)
