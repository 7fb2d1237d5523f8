"""Checks what is released together: all tables of a unit, at exactly the versions just built.

How one table is checked is `run`; what follows from the result is decided by the caller.
"""

from collections.abc import Sequence
from datetime import date

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import PermanentError
from lakeward.core.settings import Settings
from lakeward.expectations.docs import DocsContext
from lakeward.expectations.history import newest_result, record_results
from lakeward.expectations.measure import words_of_rules
from lakeward.expectations.rule_results import UnitResult
from lakeward.expectations.run import check_table
from lakeward.lake.query import connect, snapshot
from lakeward.lake.relations import relations
from lakeward.lake.release import released_pins
from lakeward.lake.tables import Lake, table_names


def docs_context(settings: Settings) -> DocsContext:
    """Return where validation results are kept and where their pages go."""
    return DocsContext(store=settings.home.lake / "_data_docs", site=settings.home.site)


def check_unit(settings: Settings, unit: str, *, day: date, run_id: str) -> UnitResult:
    """Check the newest versions of a unit's tables against their contracts; record the results.

    Tables of other units are seen as they are released.

    Raises:
        PermanentError: A table of the unit does not exist.
        SpecError: A rule cannot be evaluated.
    """
    lake = Lake(settings.home.lake)
    contracts = [c for c in load_contracts().values() if c.unit == unit]
    pins = {contract.name: _version(lake, contract.name) for contract in contracts}
    # a reference into another unit must hold for what readers will see beside this table
    others = {t: v for t, v in released_pins(lake).items() if t not in pins}
    # pinned, not newest: what is checked is what a release will pin
    docs = docs_context(settings)
    with connect(
        lake,
        tables=_tables_named(lake, contracts, day),
        pins={**others, **pins},
        spill=settings.home.work / "spill",
    ) as connection:
        tables = tuple(
            check_table(connection, contract, run_id=run_id, day=day, docs=docs)
            for contract in contracts
        )
    # after all tables: history never holds a unit that was checked by half
    record_results(lake, tables, pins)
    return UnitResult(
        unit=unit,
        pins=pins,
        contract_version=",".join(sorted({c.version for c in contracts})),
        broken=tuple(f"{table.table}.{r.rule_id}" for table in tables for r in table.errors),
        tables=tables,
    )


def recorded_result(lake: Lake, unit: str) -> UnitResult:
    """Read the newest result of a unit from history.

    Raises:
        PermanentError: The unit was never checked.
    """
    found = newest_result(lake, unit)
    if found is None:
        raise PermanentError(
            f"unit {unit}", "was never checked", "a result", "materialize its tables first"
        )
    return found


def _tables_named(lake: Lake, contracts: Sequence[Contract], day: date) -> set[str]:
    """Return the contracts' tables and those that their rules name, directly or by a relation.

    Not all of the lake: with eleven units a night, their views were a twentieth of its time.
    """
    words = {c.name for c in contracts}.union(*(words_of_rules(c, day) for c in contracts))
    behind = (r.tables() for name, r in relations().items() if name in words)
    return words.union(*behind) & set(table_names(lake))


def _version(lake: Lake, table: str) -> int:
    pinned = snapshot(lake, table)
    if pinned is None:
        raise PermanentError(f"table {table}", "was not built", "a candidate", "run dbt build")
    return pinned.version
