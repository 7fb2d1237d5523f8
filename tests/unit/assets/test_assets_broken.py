"""The page of a run whose contract was broken names rule, count, owner and remedy."""

from datetime import UTC, date, datetime

from lakeward.assets.broken import broken_contract
from lakeward.assets.failure import CAUSE
from lakeward.contracts import load_contracts
from lakeward.contracts.model import Severity
from lakeward.expectations.rule_results import RuleResult, TableResult, UnitResult

NAME = "worklist__appointment_reminders"


def rule(rule_id: str, *, passed: bool) -> RuleResult:
    return RuleResult(rule_id, Severity.ERROR, "consistency", passed, 40, 3, "Every row is right.")


def test_a_broken_contract_is_a_failure_in_words() -> None:
    results = (rule("one_day", passed=True), rule("starts_after_day", passed=False))
    table = TableResult(
        NAME, NAME, "run", date(2026, 1, 5), "1.1.0", results, datetime(2026, 1, 6, tzinfo=UTC)
    )
    unit = UnitResult(NAME, {NAME: 1}, "1.1.0", (f"{NAME}.starts_after_day",), (table,))
    failure = broken_contract(unit, [load_contracts()[NAME]])
    assert failure.description == f"{NAME}: starts_after_day: 3 of 40; owner team:scheduling"
    said = {name: value.value for name, value in failure.metadata.items()}
    assert said[f"{NAME}.starts_after_day"] == "3 of 40: Every row is right."
    assert said[f"owner of {NAME}"] == "team:scheduling"
    assert said[CAUSE] == "contract"
    assert "quality history" in str(said["remedy"])
    assert f"{NAME}.one_day" not in said
