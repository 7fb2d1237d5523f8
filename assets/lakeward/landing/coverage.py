"""What each source has brought until when, and how whole: one frozen value a source and day.

Every reader of a list learns from this one value how old its sources are: export, notice, site,
Dagster, command line. Nothing is read here; `coverage_record` reads and keeps what this decides on.

Of the newest delivery that is due up to the day (a week for weekly sources):

    a step failed for the source              failed
    none complete in landing                  missing
    a file of it is not loaded                failed
    records in it, all of them rejected       quarantined
    no record in it, and nothing says why     empty
    else it is loaded, and known until its day:
        a file of it wholly rejected,
        or more rejected than kept            partly_quarantined
        fewer than a manifest or trailer says short
        far fewer records than always         low_volume
        a day before it is missing            gap
        the same files as an earlier day      repeated
        none of these                         complete
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from lakeward.contracts.subjects import Subject
from lakeward.landing.sources import Facility, Source

State = Literal[
    "complete",
    "low_volume",
    "partly_quarantined",
    "short",
    "gap",
    "repeated",
    "missing",
    "failed",
    "quarantined",
    "empty",
    "not_in_service",
]

NOT_LOADED: frozenset[State] = frozenset({"missing", "failed", "quarantined", "empty"})
"""States in which the delivery that was due brought nothing into the lake."""

INCOMPLETE: frozenset[State] = frozenset(
    {"low_volume", "partly_quarantined", "short", "gap", "repeated"}
)
"""States in which the delivery was loaded and something about it is missing."""

COMPARED_WEEKS = 4
"""With how many earlier deliveries of the same weekday a volume is compared."""

GAP_DAYS = 7
"""How long a missing day is held against a source that delivers again."""


@dataclass(frozen=True)
class DeliveredDay:
    """What is known of one complete delivery.

    Attributes:
        day: Business day.
        waiting: Files that are not loaded, for whatever reason.
        found: Records in the loaded files, as are the next two.
        kept: Records in the lake: stored now, or before.
        quarantined: Records that were rejected and did not come again.
        rejected_files: Files all of whose records were rejected, or whose names cannot be read.
        promised_missing: Records and files that a manifest or trailer promises and that are not
            there.
        is_vouched: A trailer or manifest promises 0 records, or is all there is: an empty delivery
            that says so.
        is_repeated: Its files with records are copies of files of earlier days.
    """

    day: date
    waiting: int = 0
    found: int = 0
    kept: int = 0
    quarantined: int = 0
    rejected_files: int = 0
    promised_missing: int = 0
    is_vouched: bool = False
    is_repeated: bool = False


@dataclass(frozen=True)
class SourceCoverage:
    """How far and how whole a source is known on a day.

    Attributes:
        source: Its name.
        owner: Whom to ask.
        provides: Its subjects.
        day: The business day that is looked at.
        state: What became of the delivery that was due, see the module.
        known_until: End of the last day whose delivery is loaded; None: nothing ever was.
        days_behind: Days by which that is older than its cadence allows; None as above.
        delivered_on: Day of the newest delivery, loaded or not; None: there is none.
        found: Records of that delivery, as are the next two.
        kept: Records in the lake.
        quarantined: Rejected records.
        waiting: Files that are not loaded.
        promised_missing: Promised records and files that are not there.
        expected_at_least: Records below which the volume is low.
        gaps: Days of the last week without a loaded delivery that was due.
    """

    source: str
    owner: str
    provides: tuple[Subject, ...]
    day: date
    state: State
    known_until: datetime | None = None
    days_behind: int | None = None
    delivered_on: date | None = None
    found: int = 0
    kept: int = 0
    quarantined: int = 0
    waiting: int = 0
    promised_missing: int = 0
    expected_at_least: int = 0
    gaps: tuple[date, ...] = ()

    def sentence(self) -> str:
        """Say in words what became of the delivery."""
        last = f"the last one is of {self.delivered_on}" if self.delivered_on else "there is none"
        of = f"the delivery of {self.delivered_on}"
        sentences: dict[State, str] = {
            "complete": f"{of} is loaded",
            "low_volume": f"{of} holds {self.kept} record(s), expected at least"
            f" {self.expected_at_least}",
            "partly_quarantined": f"{self.quarantined} of {self.found} record(s) of {of} are"
            " quarantined, a whole file or most of them",
            "short": f"{self.promised_missing} promised file(s) or record(s) of {of} are missing",
            "gap": f"no delivery of {', '.join(map(str, self.gaps))} is loaded",
            "repeated": f"{of} holds the files of an earlier day again",
            "missing": f"no complete delivery for {self.day}; {last}",
            "failed": f"{self.waiting} file(s) of {of} could not be loaded"
            if self.waiting
            else "it could not be brought up to date, see `lakeward doctor`",
            "quarantined": f"all {self.quarantined} record(s) of {of} are quarantined",
            "empty": f"{of} holds no record and no trailer or manifest says that it should not",
            "not_in_service": "it has never delivered here",
        }
        return sentences[self.state]


def cover(
    source: Source,
    facility: Facility,
    day: date,
    delivered: Sequence[DeliveredDay],
    *,
    failed_since: date | None = None,
) -> SourceCoverage:
    """Decide how far and how whole a source is known on a day.

    Args:
        source: Its cadence, volume and start of service are read.
        facility: Its clock says when a day ends.
        day: The business day.
        delivered: Complete deliveries of the source; later days than `day` are not looked at.
        failed_since: Since when a step fails for it (`source_failures`): the lake lacks records.
    """
    known = sorted((d for d in delivered if d.day <= day), key=lambda d: d.day)
    start = _in_service_since(source, day, known)
    if start is None:
        state: State = "not_in_service" if failed_since is None else "failed"
        return SourceCoverage(source.name, source.owner, source.provides, day, state)
    every = 7 if source.cadence == "weekly" else 1
    newest = known[-1] if known else DeliveredDay(start - timedelta(days=every))
    loaded = [
        d for d in known if _is_loaded(source, d) and (failed_since is None or d.day < failed_since)
    ]
    last = loaded[-1].day if loaded else None
    found = SourceCoverage(
        source=source.name,
        owner=source.owner,
        provides=source.provides,
        day=day,
        state="complete",
        known_until=facility.cut_off(last) if last else None,
        days_behind=max(0, (day - last).days - (every - 1)) if last else None,
        delivered_on=newest.day if known else None,
        found=newest.found,
        kept=newest.kept,
        quarantined=newest.quarantined,
        waiting=newest.waiting,
        promised_missing=newest.promised_missing,
        expected_at_least=_expected_at_least(source, newest, loaded),
        gaps=_gaps(day, start, every, {d.day for d in loaded}),
    )
    if failed_since is not None:
        return replace(found, state="failed")
    if newest.day <= day - timedelta(days=every):
        return replace(found, state="missing")
    return replace(found, state=_state_of(found, newest, is_loaded=newest in loaded))


def _in_service_since(source: Source, day: date, known: Sequence[DeliveredDay]) -> date | None:
    stated = source.in_service_from
    begun = [known[0].day] if known else []
    begun += [stated] if stated is not None and stated <= day else []
    return min(begun, default=None)


def _is_loaded(source: Source, delivered: DeliveredDay) -> bool:
    if delivered.waiting or delivered.kept:
        return not delivered.waiting
    # a file of 0 bytes is what a broken export leaves; a trailer that counts 0 messages is not
    return not delivered.quarantined and (delivered.is_vouched or source.may_be_empty)


def _state_of(found: SourceCoverage, newest: DeliveredDay, *, is_loaded: bool) -> State:
    if not is_loaded:
        return "failed" if newest.waiting else "quarantined" if newest.quarantined else "empty"
    if newest.rejected_files or newest.quarantined > newest.kept:
        return "partly_quarantined"
    if newest.promised_missing:
        return "short"
    if newest.kept < found.expected_at_least:
        return "low_volume"
    if found.gaps:
        return "gap"
    return "repeated" if newest.is_repeated else "complete"


def _expected_at_least(source: Source, newest: DeliveredDay, loaded: Sequence[DeliveredDay]) -> int:
    """Return half of the least that the same weekday brought, or what the inventory expects."""
    weekdays = [newest.day - timedelta(weeks=n + 1) for n in range(COMPARED_WEEKS)]
    # not the first: it is often all there is, and later ones only what has changed
    least = min((d.kept for d in loaded[1:] if d.day in weekdays), default=0)
    return max(source.expected_volume.minimum, (least + 1) // 2)


def _gaps(day: date, start: date, every: int, loaded: set[date]) -> tuple[date, ...]:
    asked = [day - timedelta(days=n) for n in range(GAP_DAYS, 0, -1)]
    return tuple(
        d
        for d in asked
        if d >= start and not any(d - timedelta(days=n) in loaded for n in range(every))
    )
