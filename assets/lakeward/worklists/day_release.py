"""Which release of a worklist its consumer gets for a day, if any.

Reads decisions only; making them belongs to whoever checks contracts.
"""

from dataclasses import dataclass
from datetime import date

from lakeward.contracts import Contract
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake

NOT_BUILT = "not_built"
"""Stands for the rules when there is no decision on the day at all."""


@dataclass(frozen=True)
class Hold:
    """Why a day's list was not released: the unit that was held and the rules that it broke."""

    unit: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class DayRelease:
    """The release that goes out for a day; with a `hold` it is stale."""

    release: Release
    hold: Hold | None = None


def release_for_day(lake: Lake, contract: Contract, day: date) -> DayRelease | Hold:
    """Look up what was decided on a worklist, and on the canonical store under it, for a day.

    The newest decision of a day counts. A held canonical store holds every list of its day.

    Returns:
        The last good release up to the day, with the hold that makes it stale, if any; or the hold
        alone, when the contract wants no stale list or nothing was ever released.
    """
    decisions = history(lake, contract.unit)
    good = [r for r in decisions if r.state == "released" and r.day <= day]
    # by sequence within a day: a rollback is the newer release of an older version
    release = max(good, key=lambda r: (r.day, r.sequence), default=None)
    hold = _hold_of_day(lake, contract, day)
    if release is None:
        return hold or Hold(contract.unit, (NOT_BUILT,))
    # no decision on this day at all: the night did not get as far as this list, and its consumer
    # must learn that the rows are old, as if it had been held
    if hold is None and release.day != day:
        hold = Hold(contract.unit, (NOT_BUILT,))
    if hold is not None and contract.staleness == "block":
        return hold
    return DayRelease(release, hold)


def _hold_of_day(lake: Lake, contract: Contract, day: date) -> Hold | None:
    # the store first: lists are built on it, so its hold is the cause to name
    for unit in ("canonical", contract.unit):
        newest = next((r for r in history(lake, unit) if r.day == day), None)
        if newest is not None and newest.state == "held":
            return Hold(unit, newest.held_by)
    return None
