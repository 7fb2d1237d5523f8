"""What judging a table against its contract gives: counts and verdicts, never a value.

These values go into logs, Dagster metadata, `quality_result` and pages as they are, so nothing
that could hold the content of a record may be added to them.
"""

from dataclasses import dataclass
from datetime import date, datetime

from lakeward.contracts.model import Severity


@dataclass(frozen=True)
class RuleResult:
    """The verdict on one rule.

    Attributes:
        rule_id: The rule, stable within its contract.
        severity: Whether breaking it blocks the release.
        dimension: Quality dimension of ODCS.
        passed: What Great Expectations decided.
        evaluated: Rows (or values, or columns) that were looked at.
        unexpected: How many of them broke the rule; for a `sql` rule the whole part of the number
            that the query gave.
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
class Judgement:
    """The verdict on one candidate table, rule by rule in the order of the contract."""

    table: str
    unit: str
    run_id: str
    day: date
    contract_version: str
    results: tuple[RuleResult, ...]
    judged_at: datetime

    @property
    def passed(self) -> bool:
        """Whether the table may be released: no rule of severity error is broken."""
        return not self.errors

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """Broken rules that block the release."""
        return self._broken(Severity.ERROR)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """Broken rules that are only shown."""
        return self._broken(Severity.WARNING)

    def _broken(self, severity: Severity) -> tuple[RuleResult, ...]:
        return tuple(r for r in self.results if not r.passed and r.severity is severity)
