"""What the coverage of its sources means for one list of one day: fresh, marked or stale.

Pure functions of the contract and of `landing.coverage`. What the list's consumer then gets is
decided by the contract's `staleness`, in `day_release`; every surface is made from `ListFreshness`,
so that none can say other than the next.

    fresh    each subject has a source, known until the cut-off and complete
    marked   an incomplete delivery, one that is late within the latency, or a subject that no
             source of this home has ever delivered: the list goes out with a notice
    stale    a source is further behind than the subject's latency, or incomplete where the
             contract blocks, or no source of the list has ever delivered
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract
from lakeward.contracts.subjects import Subject, SubjectNeed
from lakeward.landing.coverage import INCOMPLETE, NOT_LOADED, SourceCoverage

Condition = Literal["fresh", "marked", "stale"]


@dataclass(frozen=True)
class SubjectState:
    """What holds of one subject of a list.

    Attributes:
        subject: The subject.
        condition: What it means for the list.
        known_until: Up to when all sources in service of the subject are known; None: one of them
            was never loaded, or there is none.
        blamed: Names of the sources on which it is not fresh.
    """

    subject: Subject
    condition: Condition
    known_until: datetime | None
    blamed: tuple[str, ...] = ()

    @property
    def is_loaded(self) -> bool:
        """Whether a source in service provides it: only then `none` means that there is none."""
        return self.condition == "fresh" or bool(self.blamed)


@dataclass(frozen=True)
class ListFreshness:
    """What a list knows of its sources.

    Attributes:
        condition: The worst of its subjects.
        data_as_of: Up to when all its sources in service are known; None: nothing is.
        subjects: What holds of each subject, in the order of the contract.
        sources: The sources of those subjects, in the order of the inventory.
    """

    condition: Condition
    data_as_of: datetime | None
    subjects: tuple[SubjectState, ...]
    sources: tuple[SourceCoverage, ...]

    @property
    def because(self) -> tuple[str, ...]:
        """Return, in words, why the list is not fresh: a line a source, then subjects without."""
        blamed = {
            source.source: [each.subject for each in self.subjects if source.source in each.blamed]
            for source in self.sources
        }
        return (
            *(
                f"{', '.join(blamed[source.source])}: {source.source}: {source.sentence()}"
                for source in self.sources
                if blamed[source.source]
            ),
            *(
                f"{each.subject}: not loaded, no source of them has delivered yet"
                for each in self.subjects
                if not each.is_loaded
            ),
        )

    def notice(self, zone: ZoneInfo) -> str | None:
        """Return the line that goes with the list in every format; None when it is fresh."""
        if self.condition == "fresh":
            return None
        word = "STALE" if self.condition == "stale" else "INCOMPLETE"
        known = local_minute(self.data_as_of, zone)
        return f"{word}: sources known until {known}; {'; '.join(self.because)}"


def local_minute(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant in words for people; `never` when there is none."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else "never"


def freshness_of(contract: Contract, coverage: Sequence[SourceCoverage]) -> ListFreshness:
    """Decide what the coverage of a day's sources means for a list."""
    subjects = tuple(_subject_state(need, coverage) for need in contract.needs)
    named = {need.subject for need in contract.needs}
    sources = tuple(c for c in coverage if named & set(c.provides))
    in_service = [c for c in sources if c.state != "not_in_service"]
    known = [c.known_until for c in in_service if c.known_until is not None]
    return ListFreshness(
        # of a list without any source, nobody knows whether it is empty
        condition=_worst([each.condition for each in subjects]) if in_service else "stale",
        data_as_of=min(known, default=None),
        subjects=subjects,
        sources=sources,
    )


def data_as_of(
    contracts: Sequence[Contract], coverage: Sequence[SourceCoverage]
) -> dict[str, datetime]:
    """Return up to when the sources of each table are known; a table without needs reads all."""
    everything = [c.known_until for c in coverage if c.known_until is not None]
    found = {
        contract.name: freshness_of(contract, coverage).data_as_of
        if contract.needs
        else min(everything, default=None)
        for contract in contracts
    }
    return {name: at for name, at in found.items() if at is not None}


def source_entries(freshness: ListFreshness, zone: ZoneInfo) -> list[dict[str, object]]:
    """Return what manifest, JSON file and notice say of each source of a list."""
    needed = [each.subject for each in freshness.subjects]
    return [
        {
            "source": source.source,
            "subjects": [subject for subject in needed if subject in source.provides],
            "state": source.state,
            "known_until": _iso(source.known_until, zone),
            "delivered_on": source.delivered_on.isoformat() if source.delivered_on else None,
            "found": source.found,
            "kept": source.kept,
            "quarantined": source.quarantined,
            "expected_at_least": source.expected_at_least,
            "says": source.sentence(),
            "owner": source.owner,
        }
        for source in freshness.sources
    ]


def subject_entries(freshness: ListFreshness, zone: ZoneInfo) -> list[dict[str, object]]:
    """Return what they say of each subject; `loaded` distinguishes none from not loaded."""
    return [
        {
            "subject": each.subject,
            "condition": each.condition,
            "loaded": each.is_loaded,
            "known_until": _iso(each.known_until, zone),
        }
        for each in freshness.subjects
    ]


def _subject_state(need: SubjectNeed, coverage: Sequence[SourceCoverage]) -> SubjectState:
    serving = [c for c in coverage if need.subject in c.provides and c.state != "not_in_service"]
    if not serving:
        return SubjectState(need.subject, "marked", None)
    conditions = {each.source: _condition(need, each) for each in serving}
    known = [each.known_until for each in serving]
    return SubjectState(
        subject=need.subject,
        condition=_worst(list(conditions.values())),
        known_until=None if None in known else min(at for at in known if at is not None),
        blamed=tuple(name for name, condition in conditions.items() if condition != "fresh"),
    )


def _condition(need: SubjectNeed, source: SourceCoverage) -> Condition:
    behind = source.days_behind
    if behind is None or timedelta(days=behind) > need.latency:
        return "stale"
    if source.state in INCOMPLETE:
        return "stale" if need.completeness == "block" else "marked"
    return "marked" if source.state in NOT_LOADED else "fresh"


def _worst(conditions: Sequence[Condition]) -> Condition:
    order: tuple[Condition, ...] = ("fresh", "marked", "stale")
    return max(conditions, key=order.index)


def _iso(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).isoformat(timespec="seconds") if at else None
