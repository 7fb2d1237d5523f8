"""What rules found in a table: counts and whether they hold, never a value.

These values go into logs, Dagster metadata, `quality_result` and pages as they are, so nothing
that could hold the content of a record may be added to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from lakeward.contracts.model import Severity


@dataclass(frozen=True)
class RuleResult:
    """What one rule found.

    Attributes:
        rule_id: The rule, stable within its contract.
        severity: Whether breaking it holds the release.
        dimension: Quality dimension of ODCS.
        passed: What Great Expectations decided.
        evaluated: Rows (or values, or columns) that were looked at.
        unexpected: How many of them broke the rule; for a `sql` rule the whole part of the number
            that the query returned.
        description: The promise in words.
    """

    rule_id: str
    severity: Severity
    dimension: str
    passed: bool
    evaluated: int
    unexpected: int
    description: str


@dataclass(frozen=True)
class TableResult:
    """What the rules of one candidate table found, in the order of the contract."""

    table: str
    unit: str
    run_id: str
    day: date
    contract_version: str
    results: tuple[RuleResult, ...]
    checked_at: datetime

    @property
    def passed(self) -> bool:
        """Whether the table may be released: no rule of severity error is broken."""
        return not self.errors

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """Broken rules that hold the release."""
        return self._broken(Severity.ERROR)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """Broken rules that are only shown."""
        return self._broken(Severity.WARNING)

    def _broken(self, severity: Severity) -> tuple[RuleResult, ...]:
        return tuple(r for r in self.results if not r.passed and r.severity is severity)


@dataclass(frozen=True)
class UnitResult:
    """What a release is decided by: which versions of a unit's tables were checked, and how.

    Attributes:
        unit: The release unit.
        pins: Delta version of each of its tables.
        contract_version: Versions of their contracts, joined by commas.
        broken: `<table>.<rule>` of each broken rule of severity error.
        tables: Results by table; empty when read back from history, which a release does not need.
    """

    unit: str
    pins: Mapping[str, int]
    contract_version: str
    broken: tuple[str, ...]
    tables: tuple[TableResult, ...] = ()
