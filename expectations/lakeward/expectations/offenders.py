"""Which records stand behind the rows that break a contract: places, never values.

What becomes of them is decided by the caller.
"""

from dataclasses import dataclass
from datetime import date

from lakeward.contracts import load_contracts
from lakeward.contracts.model import Aggregates, Contract, OffendingRows, Rule, Severity
from lakeward.contracts.sql_text import quoted
from lakeward.core.settings import Settings
from lakeward.expectations.rule_results import UnitResult
from lakeward.lake.query import Connection, connect
from lakeward.lake.release import Release, released_pins
from lakeward.lake.tables import Lake


@dataclass(frozen=True, order=True)
class Offender:
    """Where a record stands whose row breaks a rule, and the rule as `<table>.<rule>`."""

    source_system: str
    source_ref: str
    rule: str


def offending_records(
    settings: Settings, result: UnitResult, day: date, *, at_most: int | None
) -> list[Offender]:
    """Return the records behind the rows that break rules of severity error.

    A row names the record that stated it last, which need not be all of what is wrong with it.

    Args:
        settings: Which home.
        result: What was checked, and which versions.
        day: The day of the rules.
        at_most: None are returned when there are more: then the data are not what is wrong; without
            it, all are.
    """
    found: set[Offender] = set()
    limit = "" if at_most is None else f" limit {at_most + 1}"
    with open_checked(settings, result) as connection:
        for contract, rule in broken_rules(result):
            rows = offending_rows(rule, contract, day)
            if rows is None or not _has_records(contract):
                continue
            query = f"select distinct * from ({rows.select('source_system', 'source_ref')}){limit}"
            name = f"{contract.name}.{rule.id}"
            found |= {
                Offender(source, ref, name)
                for source, ref in connection.execute(query).fetchall()
                if source and ref
            }
    too_many = at_most is not None and len({o.source_ref for o in found}) > at_most
    return [] if too_many else sorted(found)


@dataclass(frozen=True, order=True)
class Behind:
    """A row that breaks a rule: its table, the rule, its key and the record that stated it."""

    table: str
    rule: str
    key: str
    source_ref: str


def rows_behind(settings: Settings, result: UnitResult, day: date, *, at_most: int) -> list[Behind]:
    """Return the rows behind the broken rules of a unit, some of each rule."""
    found: list[Behind] = []
    with open_checked(settings, result) as connection:
        for contract, rule in broken_rules(result):
            rows = offending_rows(rule, contract, day)
            if rows is None:
                continue
            has_ref = contract.column("source_ref") is not None
            columns = [*map(quoted, contract.primary_key), *(["source_ref"] if has_ref else [])]
            for values in connection.execute(
                f"select distinct * from ({rows.select(*columns)}) order by all limit {at_most}"
            ).fetchall():
                texts = ["" if value is None else str(value) for value in values]
                keys, ref = (texts[:-1], texts[-1]) if has_ref else (texts, "")
                found.append(Behind(contract.name, rule.id, " ".join(keys), ref))
    return found


def result_of(release: Release) -> UnitResult:
    """Return what a release was decided by: its versions and the rules that they break."""
    return UnitResult(
        release.unit, dict(release.pins), release.contract_version, tuple(release.held_by), ()
    )


def open_checked(settings: Settings, result: UnitResult) -> Connection:
    """Open the versions that were checked, with the tables of other units as released."""
    lake = Lake(settings.home.lake)
    others = {t: v for t, v in released_pins(lake).items() if t not in result.pins}
    return connect(lake, pins={**others, **result.pins}, spill=settings.home.work / "spill")


def broken_rules(result: UnitResult) -> list[tuple[Contract, Rule]]:
    """Return the rules of severity error that a unit breaks, each with its contract."""
    return [
        (contract, rule)
        for contract in load_contracts().values()
        if contract.unit == result.unit
        for rule in contract.rules
        if rule.severity is Severity.ERROR
        and rule.check is not None
        and f"{contract.name}.{rule.id}" in result.broken
    ]


def offending_rows(rule: Rule, contract: Contract, day: date) -> OffendingRows | None:
    """Return the rows that break a rule; None where it cannot be said of a row."""
    count = rule.check.count(contract, day) if rule.check else None
    if isinstance(count, Aggregates):
        table = quoted(contract.name)
        return OffendingRows(table, f"{table} where {count.condition}") if count.condition else None
    return count.offenders if count else None


def _has_records(contract: Contract) -> bool:
    return (
        contract.column("source_system") is not None and contract.column("source_ref") is not None
    )
