"""How a unit is released without what breaks its contracts: records first, then rows.

One record must not hold the lists of all: until it was withheld, a registration sent twice and then
cancelled blocked every worklist, and the next night's too.

    records  The canonical store is built again without the records behind the rows that break a
             rule. What earlier records state of the same thing then counts.
    rows     What still breaks a rule, as a row that our own code made wrong, leaves its table; then
             the rows that refer to it, and so on. A list closes its ranks.

Many are another thing: then it is more likely our own mistake than theirs, and the unit is held.
"""

from collections.abc import Callable

import dagster as dg

from lakeward.assets.home import BusinessDay
from lakeward.core.settings import Settings
from lakeward.expectations.offenders import offending_records
from lakeward.expectations.row_removal import leave_out
from lakeward.expectations.rule_results import UnitResult
from lakeward.expectations.unit import check_unit
from lakeward.lake.tables import Lake
from lakeward.quarantine.withheld import (
    LeftOut,
    Withheld,
    enter_left_out,
    left_out,
    withheld,
    withhold,
)

WITHHELD_CHECK = "no_record_withheld"
ROUNDS = 3
"""How often the store is built again: without a record, another one may show that breaks a rule."""
MOST_WITHHELD = 100
"""Records that one round may withhold, and rows that a unit may leave out; above it, it is held."""
PASSES = 8
"""How often rows leave: wrong by themselves, then beside others, then those that refer to them."""
_SHOWN = 5
"""How many withheld records a check names; the table has all."""


def without_records(
    settings: Settings,
    today: BusinessDay,
    result: UnitResult,
    run_id: str,
    build: Callable[[], object],
) -> UnitResult:
    """Build and check the store again without the records that break its rules."""
    lake = Lake(settings.home.lake)
    for _ in range(ROUNDS):
        offenders = offending_records(settings, result, today.day, at_most=MOST_WITHHELD)
        found = [Withheld(o.source_system, o.source_ref, o.rule) for o in offenders]
        if not withhold(lake, found, today.day, run_id):
            return result
        build()
        result = check_unit(settings, result.unit, day=today.day, run_id=run_id)
        if not result.broken:
            return result
    return result


def without_rows(
    settings: Settings,
    today: BusinessDay,
    result: UnitResult,
    run_id: str,
    *,
    approved_by: str = "",
) -> UnitResult:
    """Write the tables of a unit again without the rows that break their rules, and check them.

    Enters what the unit is released without, also when that is nothing.

    Args:
        settings: Which home.
        today: The day of the rules.
        result: What was checked.
        run_id: The run, for the record.
        approved_by: Who said that rows may leave, however many; empty: up to `MOST_WITHHELD`.
    """
    gone: list[LeftOut] = []
    for _ in range(PASSES):
        if not result.broken:
            break
        most = None if approved_by else MOST_WITHHELD - len(gone)
        left = leave_out(settings, result, today.day, at_most=most)
        if left is None:
            break
        gone += left
        result = check_unit(settings, result.unit, day=today.day, run_id=run_id)
    # a unit that is held is released without nothing
    kept = [] if result.broken else gone
    lake = Lake(settings.home.lake)
    enter_left_out(lake, result.unit, kept, today.day, run_id, principal=approved_by)
    return result


def withheld_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """Declare the check that names what a unit was released without."""
    about = "No stored record, and no row, was left out because it breaks a contract"
    return dg.AssetCheckSpec(WITHHELD_CHECK, asset=key, description=about)


def none_withheld(
    lake: Lake, key: dg.AssetKey, unit: str, *, with_records: bool
) -> dg.AssetCheckResult:
    """Name the records and rows that a unit was released without."""
    records = [f"{w.source_ref} ({w.rule})" for w in withheld(lake)] if with_records else []
    rows = [f"{r.source_ref or 'a row'} ({r.rule})" for r in left_out(lake, unit)]
    parts = [
        f"{len(named)} {what}(s) left out: {'; '.join(named[:_SHOWN])}"
        + (f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else "")
        for what, named in (("record", records), ("row", rows))
        if named
    ]
    return dg.AssetCheckResult(
        check_name=WITHHELD_CHECK,
        asset_key=key,
        passed=not parts,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(parts) or None,
        metadata={"records": len(records), "rows": len(rows)},
    )
