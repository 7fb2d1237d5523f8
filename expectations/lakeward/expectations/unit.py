"""Judges what is published together: all tables of a unit, at exactly the versions just built.

How one table is judged is `run`; what follows from the verdict is decided by the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lakeward.contracts import load_contracts
from lakeward.core.errors import PermanentError
from lakeward.core.settings import Settings
from lakeward.expectations.docs import DocsContext
from lakeward.expectations.history import latest_verdict, record
from lakeward.expectations.judgement import Judgement
from lakeward.expectations.run import judge
from lakeward.lake.query import connect, snapshot
from lakeward.lake.release import published_pins
from lakeward.lake.tables import Lake


@dataclass(frozen=True)
class Verdict:
    """Which versions of a unit's tables were judged, and which rules of severity error broke."""

    unit: str
    pins: Mapping[str, int]
    contract_version: str
    broken: tuple[str, ...]
    judgements: tuple[Judgement, ...] = ()


def docs_context(settings: Settings) -> DocsContext:
    """Say where validation results are kept and where their pages go."""
    return DocsContext(store=settings.home.lake / "_data_docs", site=settings.home.site)


def judge_unit(settings: Settings, unit: str, *, day: date, run_id: str) -> Verdict:
    """Judge the newest versions of a unit's tables against their contracts and record the results.

    Tables of other units are seen as they are released.

    Raises:
        PermanentError: A table of the unit does not exist.
        SpecError: A rule cannot be evaluated.
    """
    lake = Lake(settings.home.lake)
    contracts = [c for c in load_contracts().values() if c.unit == unit]
    pins = {contract.name: _version(lake, contract.name) for contract in contracts}
    others = {t: v for t, v in published_pins(lake).items() if t not in pins}
    docs = docs_context(settings)
    with connect(lake, pins={**others, **pins}, spill=settings.home.work / "spill") as connection:
        judgements = tuple(
            judge(connection, contract, run_id=run_id, day=day, docs=docs) for contract in contracts
        )
    record(lake, judgements, pins)
    return Verdict(
        unit=unit,
        pins=pins,
        contract_version=",".join(sorted({c.version for c in contracts})),
        broken=tuple(f"{j.table}.{r.rule_id}" for j in judgements for r in j.errors),
        judgements=judgements,
    )


def last_verdict(lake: Lake, unit: str) -> Verdict:
    """Read the newest verdict on a unit from its history.

    Raises:
        PermanentError: The unit was never judged.
    """
    found = latest_verdict(lake, unit)
    if found is None:
        raise PermanentError(
            f"unit {unit}", "was never judged", "a verdict", "materialize its tables first"
        )
    pins, versions, broken = found
    return Verdict(unit, pins, versions, broken)


def _version(lake: Lake, table: str) -> int:
    pinned = snapshot(lake, table)
    if pinned is None:
        raise PermanentError(f"table {table}", "was not built", "a candidate", "run dbt build")
    return pinned.version
