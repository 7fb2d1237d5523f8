"""Which release of a worklist its consumer gets for a day, if any.

Reads decisions and what is known of the sources; making decisions belongs to whoever checks
contracts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lakeward.contracts import Contract
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.coverage_record import recorded_coverage
from lakeward.worklists.freshness import ListFreshness, freshness_of

Cause = Literal["contract", "source", "file", "disk", "step", "not_built"]
"""Why a list is held: its data broke a rule, its sources are stale, a file of a table is damaged,
the disk is full, a step failed otherwise, or the night did not get as far as the list."""

NOT_BUILT = "not_built"
"""Stands for the rules when there is no decision on the day at all."""


@dataclass(frozen=True)
class Hold:
    """Why a day's list was not released.

    Attributes:
        unit: The unit that was held.
        rules: The rules that it broke.
        cause: Of which kind the cause is.
        because: The cause in words, a line each; none is a value of a record.
        remedy: What to do.
    """

    unit: str
    rules: tuple[str, ...]
    cause: Cause = "contract"
    because: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def in_words(self) -> tuple[str, ...]:
        """The cause in words, or the rules where there are none."""
        return self.because or self.rules


@dataclass(frozen=True)
class DayRelease:
    """The release that goes out for a day; with a `hold` it is stale.

    Attributes:
        release: The rows.
        today: What the list knows of its sources on the day.
        of_rows: What it knew of them when the rows were built.
        hold: Why the day's own rows do not go out.
    """

    release: Release
    today: ListFreshness
    of_rows: ListFreshness
    hold: Hold | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the rows are of another day, or their sources stale."""
        return self.hold is not None or self.of_rows.condition == "stale"

    @property
    def condition(self) -> str:
        """What the consumer gets: a list that is fresh, marked or stale."""
        return "stale" if self.hold else self.of_rows.condition

    @property
    def because(self) -> tuple[str, ...]:
        """Why it is not fresh, in words; empty when it is."""
        return self.hold.in_words if self.hold else self.of_rows.because


@dataclass(frozen=True)
class HeldList:
    """A day without rows: why, and what is known of the sources."""

    hold: Hold
    today: ListFreshness

    @property
    def condition(self) -> str:
        """What the consumer gets: nothing."""
        return "blocked"

    @property
    def because(self) -> tuple[str, ...]:
        """Why, in words."""
        return self.hold.in_words


def release_for_day(
    lake: Lake,
    contract: Contract,
    day: date,
    coverage: Sequence[SourceCoverage],
    failure: Hold | None = None,
) -> DayRelease | HeldList:
    """Look up what was decided on a worklist, and on the canonical store under it, for a day.

    The newest decision of a day counts. A held canonical store holds every list of its day, and so
    do stale sources.

    Args:
        lake: Where decisions lie.
        contract: The worklist's contract.
        day: The business day.
        coverage: What was known of the sources on that day.
        failure: Why the day's night failed, where it did: the cause of a list that was not built.

    Returns:
        The release that goes out, with the hold that makes it stale, if any; or the hold alone,
        when the contract wants no stale list or nothing good was ever released.
    """
    today = freshness_of(contract, coverage)
    decisions = history(lake, contract.unit)
    good = [r for r in decisions if r.state == "released" and r.day <= day]
    # by sequence within a day: a rollback is the newer release of an older version
    good.sort(key=lambda r: (r.day, r.sequence), reverse=True)
    hold = _hold_of_day(lake, contract, day)
    # no decision on this day at all: the night did not get as far as this list, and its consumer
    # must learn that the rows are old, as if it had been held
    if hold is None and not (good and good[0].day == day):
        hold = failure or Hold(contract.unit, (NOT_BUILT,), "not_built")
    if hold is None and today.condition == "stale" and contract.staleness != "mark":
        hold = Hold("sources", (), "source", today.because)
        good = [r for r in good if r.day < day]
    if hold is None:
        return DayRelease(good[0], today, today)
    if contract.staleness != "block":
        for release in good:
            of_rows = _freshness_then(lake, contract, release)
            # a list that was not issued in its own night is no better a day later
            if contract.staleness == "mark" or of_rows.condition != "stale":
                return DayRelease(release, today, of_rows, hold)
    return HeldList(hold, today)


def _freshness_then(lake: Lake, contract: Contract, release: Release) -> ListFreshness:
    coverage = recorded_coverage(lake, release.day, known_at=release.created_at)
    if not coverage:
        # of a night before coverage was recorded: what it was built on can no longer be known
        return ListFreshness("fresh", release.as_of, (), ())
    return freshness_of(contract, coverage)


def _hold_of_day(lake: Lake, contract: Contract, day: date) -> Hold | None:
    # the store first: lists are built on it, so its hold is the cause to name
    for unit in ("canonical", contract.unit):
        newest = next((r for r in history(lake, unit) if r.day == day), None)
        if newest is not None and newest.state == "held":
            return Hold(unit, newest.held_by)
    return None
