"""What a data contract says, in our own small frozen values.

Layers above read PHI classes, owners, columns and rules from here. No YAML, no ODCS model, no
Great Expectations and no database: how a rule is measured is `lakeward.expectations`' business.
"""

from dataclasses import dataclass
from datetime import date, timedelta
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


class Severity(StrEnum):
    """`error` blocks the release of the unit, `warning` is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Threshold:
    """One comparison. `mustBeBetween` excludes its bounds, as the text of ODCS says."""

    operator: Operator
    bounds: tuple[Decimal, ...]
    measure: Measure = Measure.ROWS

    def holds(self, measured: Fraction) -> bool:
        """Compare exactly: shares are fractions here, never rounded."""
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


@dataclass(frozen=True)
class ColumnsAsPromised:
    """Columns that are absent or have another type than the contract says."""


@dataclass(frozen=True)
class RowCount:
    """Rows of the table."""


@dataclass(frozen=True)
class Nulls:
    """Rows without a value."""

    column: str


@dataclass(frozen=True)
class Missing:
    """Rows whose value stands for "nothing" (`None` means NULL)."""

    column: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Duplicates:
    """Rows that share their key with another row; rows with a NULL in the key do not count."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class OutsideSet:
    """Values that are not in a closed set."""

    column: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class OffPattern:
    """Values in which a regular expression (RE2) finds nothing."""

    column: str
    pattern: str


Bound = int | float | str
"""A number, or a date or instant as ISO text."""


@dataclass(frozen=True)
class OutsideRange:
    """Values below a minimum or above a maximum."""

    column: str
    minimum: Bound | None = None
    maximum: Bound | None = None
    above_minimum: bool = False
    below_maximum: bool = False


@dataclass(frozen=True)
class OutsideLength:
    """Texts that are too short or too long."""

    column: str
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Unreferenced:
    """Rows whose key is not found in another table; rows with a NULL in the key do not count."""

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One number that a SELECT gives; `{object}` stands for the table."""

    sql: str


@dataclass(frozen=True)
class Remark:
    """A promise in words: shown, never measured."""


Check = (
    ColumnsAsPromised
    | RowCount
    | Nulls
    | Missing
    | Duplicates
    | OutsideSet
    | OffPattern
    | OutsideRange
    | OutsideLength
    | Unreferenced
    | Query
    | Remark
)


def columns_of(check: Check) -> tuple[str, ...]:
    """Columns of the table itself that a check names."""
    match check:
        case Duplicates(columns) | Unreferenced(columns=columns):
            return columns
        case ColumnsAsPromised() | RowCount() | Query() | Remark():
            return ()
        case _:
            return (check.column,)


@dataclass(frozen=True)
class Rule:
    """One promise: what is measured, what it is compared with, and what it means in words.

    Attributes:
        id: Stable within the contract; histories are kept by it.
        check: What is measured.
        threshold: What the measured number must satisfy.
        severity: Whether a broken rule blocks the release.
        dimension: Quality dimension of ODCS (completeness, uniqueness, …).
        description: A plain sentence for people who run a ward, not a database.
    """

    id: str
    check: Check
    threshold: Threshold
    severity: Severity
    dimension: str
    description: str


@dataclass(frozen=True)
class ContractColumn:
    """One column as promised; `phi` is the class of domain §3.1 (N LK QI DI CS SP)."""

    name: str
    physical_type: str
    logical_type: str
    phi: str
    description: str
    required: bool = False
    unique: bool = False
    primary_key: bool = False


@dataclass(frozen=True)
class ServiceLevel:
    """One `slaProperties` entry."""

    name: str
    value: str
    unit: str = ""


@dataclass(frozen=True)
class Contract:
    """Everything one `*.odcs.yaml` promises about one table.

    Attributes:
        id: Contract id.
        name: Table name, the same everywhere (asset, Delta table, dbt model).
        unit: Release unit: `canonical`, or the worklist's or metric's own name.
        staleness: What a consumer gets when the unit was held: `block` or `previous_day`.
        consumer: Outbox folder of a worklist, else empty.
        export_columns: The only columns that may leave, in order; empty when nothing is exported.
        owner: `team:<name>`.
        grain: What one row is.
    """

    id: str
    name: str
    version: str
    status: str
    domain: str
    purpose: str
    description: str
    owner: str
    owner_email: str
    grain: str
    unit: str
    staleness: str
    consumer: str
    export_columns: tuple[str, ...]
    columns: tuple[ContractColumn, ...]
    rules: tuple[Rule, ...]
    end_of_support: date
    service_levels: tuple[ServiceLevel, ...]

    @property
    def latency(self) -> timedelta | None:
        """How old the data may be, when the contract says so."""
        scale = {"h": 3600, "d": 86400, "m": 60, "min": 60}
        for level in self.service_levels:
            if level.name == "latency":
                return timedelta(seconds=float(level.value) * scale[level.unit])
        return None

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the key columns, in order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    def column(self, name: str) -> ContractColumn | None:
        """Find a column by name."""
        return next((column for column in self.columns if column.name == name), None)
