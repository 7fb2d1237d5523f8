"""What a measured number is compared with: the eight comparisons of ODCS.

Source: Open Data Contract Standard 3.1, section Data Quality, "Operators".
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction


class Operator(StrEnum):
    """The eight thresholds of ODCS, by their ODCS names."""

    BE = "mustBe"
    NOT_BE = "mustNotBe"
    GREATER = "mustBeGreaterThan"
    GREATER_OR_EQUAL = "mustBeGreaterOrEqualTo"
    LESS = "mustBeLessThan"
    LESS_OR_EQUAL = "mustBeLessOrEqualTo"
    BETWEEN = "mustBeBetween"
    NOT_BETWEEN = "mustNotBeBetween"


class Measure(StrEnum):
    """What is compared with a threshold: a number of rows, or their share of those looked at."""

    ROWS = "rows"
    PERCENT = "percent"


@dataclass(frozen=True)
class Threshold:
    """One comparison. `mustBeBetween` excludes its bounds, as the text of ODCS says."""

    operator: Operator
    bounds: tuple[Decimal, ...]
    measure: Measure = Measure.ROWS

    @property
    def forbids_any(self) -> bool:
        """Whether the only number that satisfies it is 0, in whichever measure."""
        # what most expectations of Great Expectations say; all other thresholds need our own
        return self.operator is Operator.BE and not any(self.bounds)

    def holds(self, measured: Fraction) -> bool:
        """Compare exactly: a share is a fraction here, since 0.3 % as a float is not below 0.3."""
        low, high = Fraction(self.bounds[0]), Fraction(self.bounds[-1])
        return {
            Operator.BE: measured == low,
            Operator.NOT_BE: measured != low,
            Operator.GREATER: measured > low,
            Operator.GREATER_OR_EQUAL: measured >= low,
            Operator.LESS: measured < low,
            Operator.LESS_OR_EQUAL: measured <= low,
            Operator.BETWEEN: low < measured < high,
            Operator.NOT_BETWEEN: not low < measured < high,
        }[self.operator]


NONE_AT_ALL = Threshold(Operator.BE, (Decimal(0),))
