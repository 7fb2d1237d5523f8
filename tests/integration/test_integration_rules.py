"""For every rule of severity error, a row that breaks it leaves its table and the rest goes out.

The rows are planted in the candidates: most of these rules cannot be broken by a record, since our
own code guarantees them. What a record can do is in `test_integration_records`.
"""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from simulated import START

from lakeward.assets.home import BusinessDay, business_day
from lakeward.assets.leaving_out import without_rows
from lakeward.assets.units import release_units
from lakeward.contracts import load_contracts
from lakeward.contracts.model import Contract, ContractColumn, Rule, Severity
from lakeward.contracts.rule_types.column_types import ColumnTypes
from lakeward.contracts.rule_types.duplicates import Duplicates
from lakeward.contracts.rule_types.nulls import Nulls
from lakeward.contracts.rule_types.off_pattern import OffPattern
from lakeward.contracts.rule_types.outside_range import OutsideRange
from lakeward.contracts.rule_types.outside_set import OutsideSet
from lakeward.contracts.rule_types.query_result import Query
from lakeward.contracts.rule_types.unreferenced import Unreferenced
from lakeward.core.settings import Settings
from lakeward.expectations.rule_results import UnitResult
from lakeward.expectations.unit import check_unit
from lakeward.lake.candidate import store_candidate
from lakeward.lake.query import connect
from lakeward.lake.release import current, released_pins
from lakeward.lake.tables import Lake
from lakeward.landing.business_calendar import load_calendar
from lakeward.landing.sources import load_inventory
from lakeward.quarantine.withheld import left_out

Values = dict[str, str]
"""SQL of columns of a planted row."""

QUERIES: dict[str, list[Values]] = {
    "canonical__bed.visit_in_two_beds": [
        {"current_visit_key": "'planted'", "bed_key": "'planted 1'"},
        {"current_visit_key": "'planted'", "bed_key": "'planted 2'"},
    ],
    "canonical__bed_stay.stay_ends_after_start": [
        {"start_at": "now()", "end_at": "now() - interval 1 day"}
    ],
    "canonical__bed_stay.visit_in_two_open_stays": [
        {"visit_key": "'planted'", "end_known_by": "null", "bed_stay_key": "'planted 1'"},
        {"visit_key": "'planted'", "end_known_by": "null", "bed_stay_key": "'planted 2'"},
    ],
    "canonical__patient.merged_names_survivor": [
        {"record_status": "'merged'", "merged_into_patient_key": "null"}
    ],
    "canonical__patient.merged_into_merged": [
        {
            "patient_key": "'planted survivor'",
            "record_status": "'merged'",
            "merged_into_patient_key": "null",
        },
        {"record_status": "'merged'", "merged_into_patient_key": "'planted survivor'"},
    ],
    "canonical__patient_identifier.no_social_security_number": [{"identifier_type": "'SS'"}],
    "canonical__visit_event.cancelled_means_named": [
        {"is_cancelled": "true", "cancelled_by_event_id": "null"}
    ],
    "canonical__visit_event.no_patient_without_phi": [
        {"bears_phi": "false", "patient_key": "'planted'"}
    ],
    "metric__message_latency.counts_add_up": [{"eligible_count": "1 + valid_count + 1000000"}],
    "metric__message_latency.percentiles_ordered": [{"p50_minutes": "2", "p90_minutes": "1"}],
    "metric__no_show_rate.counts_add_up": [{"booked_count": "1000000"}],
    "metric__no_show_rate.rate_is_share": [{"no_show_rate": "null", "denominator": "7"}],
    "worklist__appointment_reminders.rank_contiguous": [{"rank": "1000000"}],
    "worklist__appointment_reminders.one_day": [{"day": "day + 1"}],
    "worklist__appointment_reminders.no_contact_without_permission": [
        {"contact": "'planted'", "patient_key": "'planted'"}
    ],
    "worklist__appointment_reminders.manual_has_no_contact": [
        {"channel": "'manual'", "contact": "'planted'"}
    ],
    "worklist__appointment_reminders.patient_active": [{"patient_key": "'planted'"}],
    "worklist__appointment_reminders.starts_after_day": [{"local_date": "day"}],
    "worklist__discharge_and_bed_turnover.rank_contiguous": [{"rank": "1000000"}],
    "worklist__discharge_and_bed_turnover.one_day": [{"day": "day + 1"}],
    "worklist__discharge_and_bed_turnover.discharge_within_a_day": [
        {"state": "'admitted'", "expected_vacate_at": "data_as_of + interval 48 hour"}
    ],
    "worklist__referral_followup.rank_contiguous": [{"rank": "1000000"}],
    "worklist__referral_followup.one_day": [{"day": "day + 1"}],
    "worklist__referral_followup.all_overdue": [{"breach_minutes": "0"}],
    "worklist__referral_followup.manual_has_no_contact": [
        {"contact_channel": "'manual'", "contact": "'planted'"}
    ],
    "worklist__referral_followup.no_contact_without_permission": [
        {"contact_channel": "'sms'", "contact": "'planted'", "contact_permitted": "false"}
    ],
    "worklist__referral_followup.worst_first": [{"rank": "1000000", "breach_minutes": "90000000"}],
    "worklist__incomplete_registration.rank_contiguous": [{"rank": "1000000"}],
    "worklist__incomplete_registration.one_day": [{"day": "day + 1"}],
    "worklist__incomplete_registration.within_three_days": [{"local_date": "day"}],
    "worklist__incomplete_registration.manual_has_no_contact": [
        {"contact_channel": "'manual'", "contact": "'planted'"}
    ],
    "worklist__incomplete_registration.no_contact_without_permission": [
        {"contact_channel": "'sms'", "contact": "'planted'", "contact_permitted": "false"}
    ],
    "worklist__overdue_tasks.rank_contiguous": [{"rank": "1000000"}],
    "worklist__overdue_tasks.one_day": [{"day": "day + 1"}],
    "worklist__overdue_tasks.all_late": [{"days_late": "-1"}],
    "worklist__prior_authorisation.rank_contiguous": [{"rank": "1000000"}],
    "worklist__prior_authorisation.one_day": [{"day": "day + 1"}],
    "worklist__prior_authorisation.within_fourteen_days": [{"local_date": "day"}],
    "worklist__results_before_followup.rank_contiguous": [{"rank": "1000000"}],
    "worklist__results_before_followup.one_day": [{"day": "day + 1"}],
    "worklist__results_before_followup.critical_first": [{"is_critical": "true", "rank": "999999"}],
    "worklist__suppression.one_day": [{"day": "day + 1"}],
    "worklist__criteria.one_day": [{"day": "day + 1"}],
    "worklist__criteria.candidate_fails_nothing": [
        {"is_candidate": "true", "failed_criteria": "['planted']"}
    ],
}
"""Of each `sql` rule of severity error, rows that break it."""


PAIRED_BY = {"canonical__bed": "current_visit_key", "canonical__bed_stay": "visit_key"}
"""Columns by which a copy of a true row would make a pair with it that breaks a rule."""


def error_rules(contract: Contract) -> Iterator[Rule]:
    for rule in contract.rules:
        # that a table has its columns is decided when it is built, of all rows at once
        if rule.severity is Severity.ERROR and not isinstance(rule.check, ColumnTypes | None):
            yield rule


def rows_that_break(contract: Contract, rule: Rule) -> list[Values]:
    """Return rows that break a rule; fails for a rule that this test does not know."""
    match rule.check:
        case Nulls(column):
            return [{column: "null"}]
        case OutsideSet(column):
            return [{column: "'planted'"}]
        case OffPattern(column):
            return [{column: "'~planted~'"}]
        case OutsideRange(column, minimum, maximum):
            bound, step = (minimum, "- 1") if minimum is not None else (maximum, "+ 1")
            quoted = f"date '{bound}'" if isinstance(bound, str) else str(bound)
            return [{column: f"{quoted} {step}"}]
        case Unreferenced(columns):
            return [dict.fromkeys(columns, "'planted'")]
        case Duplicates(columns):
            same = {name: planted_key(contract.column(name), rule.id) for name in columns}
            return [same, same]
        case Query():
            return QUERIES[f"{contract.name}.{rule.id}"]
    raise AssertionError(f"no row breaks {contract.name}.{rule.id}: {type(rule.check)}")


def planted_key(column: ContractColumn | None, text: str) -> str:
    assert column is not None
    value = f"'planted {text}'" if column.physical_type == "VARCHAR" else "null"
    return value if value != "null" else filler(column)


def filler(column: ContractColumn) -> str:
    """Return a value of the type of a column, for a table that has no row to copy."""
    kind = column.physical_type
    plain = {"BOOLEAN": "false", "DATE": "date '2026-01-05'", "VARCHAR": "'filler'"}
    if kind.endswith("[]"):
        return f"cast([] as {kind})"
    if kind.startswith("TIMESTAMP"):
        return f"cast('2026-01-05 12:00:00+00' as {kind})"
    return plain.get(kind, f"cast(1 as {kind})")


def plant(settings: Settings, contract: Contract) -> tuple[int, set[str]]:
    """Add to the released rows of a table one that breaks each rule; return rows and rules."""
    lake = Lake(settings.home.lake)
    names = [column.name for column in contract.columns]
    rules: set[str] = set()
    with connect(lake, pins=released_pins(lake)) as connection:
        table = f'"{contract.name}"'
        (count,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
        fillers = ", ".join(f'{filler(c)} as "{c.name}"' for c in contract.columns)
        base = f"(select * from {table} limit 1)" if count else f"(select {fillers})"
        parts = [f"select {', '.join(map(quote, names))} from {table}"]
        paired_by = PAIRED_BY.get(contract.name)
        keys = names_of_keys(contract) | ({paired_by} if paired_by else set())
        for number, rule in enumerate(error_rules(contract)):
            rules.add(f"{contract.name}.{rule.id}")
            for values in rows_that_break(contract, rule):
                own = dict.fromkeys(keys, f"'planted {number}'") | (
                    {"source_ref": "'planted#1'"} if "source_ref" in names else {}
                )
                own |= values
                chosen = [
                    f"cast({own[c.name]} as {c.physical_type}) as {quote(c.name)}"
                    if c.name in own
                    else quote(c.name)
                    for c in contract.columns
                ]
                parts.append(f"select {', '.join(chosen)} from {base}")
        store_candidate(lake, connection, contract.name, " union all ".join(parts))
    return count, rules


def names_of_keys(contract: Contract) -> set[str]:
    """Return the text columns of every key, so that a planted row shares none with a true one."""
    keys = [r.check.columns for r in contract.rules if isinstance(r.check, Duplicates)]
    texts = {c.name for c in contract.columns if c.physical_type == "VARCHAR"}
    # columns of a set of values keep one of them
    sets = {r.check.column for r in contract.rules if isinstance(r.check, OutsideSet)}
    return {name for columns in keys for name in columns} & texts - sets


def quote(name: str) -> str:
    return f'"{name}"'


def rows_of(settings: Settings, contract: Contract, version: int) -> list[tuple[object, ...]]:
    lake = Lake(settings.home.lake)
    with connect(lake, tables=[contract.name], pins={contract.name: version}) as connection:
        return connection.execute(f'select * from "{contract.name}" order by all').fetchall()


@pytest.fixture(scope="module")
def copied(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    import shutil

    from lakeward.core.settings import load_settings

    home = tmp_path_factory.mktemp("rules") / "home"
    shutil.copytree(finished, home)
    return load_settings(home)


@pytest.fixture
def today(copied: Settings) -> BusinessDay:
    released = current(Lake(copied.home.lake), "canonical")
    assert released is not None
    assert released.day >= START
    return _today(copied, released.day)


def _today(settings: Settings, day: date) -> BusinessDay:
    inventory = load_inventory(settings.home)
    return business_day(inventory, load_calendar(settings.home, inventory), day)


@pytest.mark.parametrize("unit", [unit.name for unit in release_units()])
def test_a_row_that_breaks_a_rule_leaves_and_the_rest_is_released(
    unit: str, copied: Settings, today: BusinessDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as many as there are rules: a night would have one or two
    monkeypatch.setattr("lakeward.assets.leaving_out.MOST_WITHHELD", 10_000)
    monkeypatch.setattr("lakeward.expectations.row_removal.FEW", 10_000)
    contracts = [c for c in load_contracts().values() if c.unit == unit]
    lake = Lake(copied.home.lake)
    pins = released_pins(lake)
    broken: set[str] = set()
    for contract in contracts:
        broken |= plant(copied, contract)[1]
    result = check_unit(copied, unit, day=today.day, run_id="planted")
    assert broken == set(result.broken) - {"columns"}

    result = without_rows(copied, today, result, "planted")
    assert result.broken == ()
    for contract in contracts:
        kept = rows_of(copied, contract, result.pins[contract.name])
        # A rank with a gap before it is made right, so its row stays; and the row that another was
        # merged into breaks nothing once that one has left.
        planted = [row for row in kept if any(str(value).startswith("planted") for value in row)]
        assert len(planted) <= sum(
            rule.endswith(("rank_contiguous", "merged_into_merged")) for rule in broken
        )
        expected = rows_of(copied, contract, pins[contract.name])
        assert [row for row in kept if row not in planted] == expected, contract.name
    named = {row.rule for row in left_out(lake, unit)}
    assert named <= broken
    assert {rule.split(".")[0] for rule in named} == {c.name for c in contracts}


def test_many_rows_hold_the_unit(
    finished: Path, home_of: Callable[[Path], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = home_of(finished)
    unit = "worklist__appointment_reminders"
    contract = load_contracts()[unit]
    plant(settings, contract)
    day = current(Lake(settings.home.lake), "canonical")
    assert day is not None
    today = _today(settings, day.day)
    monkeypatch.setattr("lakeward.assets.leaving_out.MOST_WITHHELD", 3)
    before: UnitResult = check_unit(settings, unit, day=today.day, run_id="planted")
    result = without_rows(settings, today, before, "planted")
    assert result == before
    assert left_out(Lake(settings.home.lake), unit) == []

    result = without_rows(settings, today, before, "by hand", approved_by="somebody")
    assert result.broken == ()
    with connect(Lake(settings.home.lake)) as connection:
        who = connection.execute("select distinct principal, run_id from left_out_row").fetchall()
    assert who == [("somebody", "by hand")]
