"""How a worklist stands on a day: which release its consumer gets, and whether it was held.

Reads decisions only; making them belongs to whoever judges contracts.
"""

from dataclasses import dataclass
from datetime import date

from lakeward.contracts import Contract
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake

NOT_BUILT = "not_built"


@dataclass(frozen=True)
class Held:
    """Why a day's list was not released: the unit that was held and the rules that failed."""

    unit: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """The last good release up to a day, and why there is none of that very day, if so."""

    release: Release | None
    held: Held | None


def standing(lake: Lake, contract: Contract, day: date) -> Standing:
    """Look up what was decided on a worklist, and on the canonical store under it, for a day.

    The newest decision of a day counts. A held canonical store holds every list of its day.
    """
    decisions = history(lake, contract.unit)
    good = [r for r in decisions if r.state == "released" and r.day <= day]
    release = max(good, key=lambda r: (r.day, r.sequence), default=None)
    for unit, of_unit in (("canonical", history(lake, "canonical")), (contract.unit, decisions)):
        newest = next((r for r in of_unit if r.day == day), None)
        if newest is not None and newest.state == "held":
            return Standing(release, Held(unit, newest.held_by))
    if release is None or release.day != day:
        return Standing(release, Held(contract.unit, (NOT_BUILT,)))
    return Standing(release, None)
