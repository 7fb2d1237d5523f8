"""What a data contract says, in our own small frozen values.

Layers above read PHI classes, owners, columns and rules from here. No YAML and no ODCS model: those
are read in `odcs`. A `Check` carries SQL and the name of an expectation as text; what runs them is
`lakeward.expectations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from lakeward.contracts.list_terms import ListTerms
from lakeward.contracts.subjects import SubjectNeed
from lakeward.contracts.threshold import Threshold


class Severity(StrEnum):
    """`error` holds the release of the unit, `warning` is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class ContractColumn:
    """One column as promised; `phi` is its class, see `core.phi` (N LK QI DI CS SP)."""

    name: str
    physical_type: str
    logical_type: str
    phi: str
    description: str
    primary_key: bool = False


@dataclass(frozen=True)
class ColumnRef:
    """A column that a check reads; `table` None is the table under contract."""

    name: str
    table: str | None = None


@dataclass(frozen=True)
class OffendingRows:
    """The rows that break a check, as what stands behind FROM, and the name that a row has there.

    A row has all columns of the table under contract, so it can be asked for any of them.

    Attributes:
        row: The name of a row.
        source: What stands behind FROM.
        compares: A row is wrong beside others, which one of them is not said: of two rows with one
            key both are named.
    """

    row: str
    source: str
    compares: bool = False

    def select(self, *columns: str) -> str:
        """Return the SELECT of columns of the rows."""
        named = ", ".join(f"{self.row}.{column}" for column in columns)
        return f"select {named} from {self.source}"


@dataclass(frozen=True)
class Aggregates:
    """Two SQL aggregates over the table under contract; all of them are counted in one scan.

    `condition` is true of a row that breaks the check; empty where it cannot be said of a row.
    """

    evaluated: str
    unexpected: str
    condition: str


@dataclass(frozen=True)
class CountQuery:
    """A SELECT with a scan of its own and one row.

    Attributes:
        sql: Returns `evaluated, unexpected`; only `unexpected` when `looks_at_every_row`.
        looks_at_every_row: The number of rows of the table is `evaluated`.
        offenders: The rows that break the check; None where it cannot be said of a row.
    """

    sql: str
    looks_at_every_row: bool = False
    offenders: OffendingRows | None = None


@dataclass(frozen=True)
class Expectation:
    """An expectation of Great Expectations, by the name of its class, and its arguments."""

    name: str
    arguments: Mapping[str, object]


class Check(Protocol):
    """What a rule measures. Each file of `rule_types` holds one, a frozen dataclass."""

    def reads(self) -> tuple[ColumnRef, ...]:
        """Return the columns that the check names."""
        ...

    def sentence(self) -> str | None:
        """Return what holds when nothing breaks the check; None: only its author can say it."""
        ...

    def count(self, contract: "Contract", day: date) -> Aggregates | CountQuery:
        """Return the SQL that counts what the check looks at and what breaks it."""
        ...

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return what Great Expectations has for the check; None: it has nothing of the kind.

        Then our own `expect_counted_rows` compares the count with the threshold.
        """
        ...


@dataclass(frozen=True)
class Rule:
    """One promise: what is measured, what it is compared with, and what it means in words.

    Attributes:
        id: Stable within the contract; histories are kept by it.
        check: What is measured; None: a promise in words, shown and never measured.
        threshold: What the measured number must satisfy.
        severity: Whether a broken rule holds the release.
        dimension: Quality dimension of ODCS (completeness, uniqueness, …).
        description: A plain sentence for people who run a ward, not a database.
    """

    id: str
    check: Check | None
    threshold: Threshold
    severity: Severity
    dimension: str
    description: str


@dataclass(frozen=True)
class Contract:
    """Everything one `*.odcs.yaml` promises about one table.

    Attributes:
        id: Contract id.
        name: Table name, the same everywhere (asset, Delta table, dbt model).
        purpose: What the table is for; an export is made for no other purpose.
        description: What the table holds.
        usage: Who reads it, and how.
        limitations: What it must not be taken for.
        owner: `team:<name>`.
        owner_email: Mail address of the member of the team whose role is owner, else empty.
        grain: What one row is.
        unit: Release unit: `canonical`, or the worklist's or metric's own name.
        staleness: What a consumer gets when the unit was held or its sources are stale: `block`,
            `previous_day`, or `mark`: the day's list all the same, with a notice.
        consumer: Outbox folder of a worklist, else empty.
        export_columns: The only columns that may leave, in order; empty when nothing is exported.
        export_formats: Names of the output formats of its files; empty means all there are.
        latency: How old the data may be; None when the contract does not say so.
        needs: Subjects that a list with a consumer stands on, and how fresh and how complete each
            must be; empty for other tables.
        retention: How long the data are kept, as `6 y`, else empty.
        end_of_support: Until when the table is delivered in this form.
        terms: How the rows of a worklist leave.
    """

    id: str
    name: str
    version: str
    domain: str
    purpose: str
    description: str
    usage: str
    limitations: str
    owner: str
    owner_email: str
    grain: str
    unit: str
    staleness: str
    consumer: str
    export_columns: tuple[str, ...]
    export_formats: tuple[str, ...]
    columns: tuple[ContractColumn, ...]
    rules: tuple[Rule, ...]
    latency: timedelta | None
    needs: tuple[SubjectNeed, ...]
    retention: str
    end_of_support: date
    terms: ListTerms = field(default_factory=ListTerms)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the key columns, in order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    def column(self, name: str) -> ContractColumn | None:
        """Return a column by its name."""
        return next((column for column in self.columns if column.name == name), None)
