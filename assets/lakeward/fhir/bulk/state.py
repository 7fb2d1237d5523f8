"""The state of an export as it is kept between steps, and what comes next; pure, no clock, no disk.

An export is one or more jobs (kick-offs) in a row: who is in the group, the history of those who
joined, then what changed, or everything at once. Each value is frozen; a step makes a new one.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

MAX_RESUMES = 3
"""A file that stays wrong is not asked for for ever: after that a new export may do better."""


class Purpose(StrEnum):
    """What a job is for."""

    membership = "membership"
    new_members = "new_members"
    changes = "changes"
    full = "full"


class Action(StrEnum):
    """What a step does; in the order in which a job meets them."""

    intend = "intend"
    kick_off = "kick_off"
    poll = "poll"
    download = "download"
    refresh = "refresh"
    compare_members = "compare_members"
    land = "land"
    release = "release"
    finish = "finish"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: object) -> Self:
        """Give a copy with some fields changed."""
        return self.model_copy(update=changes)


class Job(_Frozen):
    """One kick-off and what came of it.

    Attributes:
        since: Only what changed after this instant.
        until: Only what changed up to this instant.
        first_patient: First of the new members that are asked for, counted from 0.
        patients: How many of them; 0 means that no patient is named.
        intended_at: Set before the kick-off is sent: a kill may have lost its answer.
        kicked_off_at: The server's time of its answer.
        request_url: The kick-off URL.
        status_url: Where the job's status is asked; none before the kick-off was answered.
        polls: How often the status was asked.
        poll_at: Not asked again before.
        progress: The server's own words, under 100 characters.
        pages: Manifest pages held.
        tail_url: The page to ask next; it may still grow.
        is_complete: No more pages come.
        expires_at: Until when the server keeps the files.
        refreshes: How often expired URLs were asked for again.
        fresh_pages: Pages that the last refresh gave.
        is_stale: A file had expired: the manifest must be asked for again.
        files: Files that the manifest names so far.
        done: Files that are durable.
        losses: Lines of outcome files that tell of a loss.
        older: Resources older than asked for: the server may ignore `_since`.
        unwanted: Resources that match no type filter: the server ignores them.
        members_compared: New members are known.
        is_released: The server was told that it may forget the job.
    """

    purpose: Purpose
    since: datetime | None = None
    until: datetime | None = None
    first_patient: int = 0
    patients: int = 0
    intended_at: datetime | None = None
    kicked_off_at: datetime | None = None
    request_url: str | None = None
    status_url: str | None = None
    polls: int = 0
    poll_at: datetime | None = None
    progress: str | None = None
    pages: int = 0
    tail_url: str | None = None
    is_complete: bool = False
    expires_at: datetime | None = None
    refreshes: int = 0
    fresh_pages: int = 0
    is_stale: bool = False
    files: int = 0
    done: int = 0
    losses: int = 0
    older: int = 0
    unwanted: int = 0
    members_compared: bool = False
    is_released: bool = False


class Export(_Frozen):
    """One pull of a source.

    Attributes:
        export_id: Time of its start; names its folders.
        day: Day of the delivery that it becomes.
        request: Hash of what was asked for: another one needs a full export.
        advances: Whether the watermark may advance when all goes well.
        current: Position of the job at hand.
        next_at: Nothing is done before.
        attempts: Failed attempts at the action at hand.
        is_landed: The delivery is complete.
        state: `partial` when files tell of losses: landed, and asked for again next time.
        failure: Why it failed, in our words.
        is_resumable: Whether trying again can go on where it stopped.
        resumes: How often it was tried again after a failure.
        revision: Counts the steps.
    """

    source: str
    export_id: str
    day: date
    started_at: datetime
    request: str
    advances: bool
    jobs: tuple[Job, ...]
    current: int = 0
    next_at: datetime
    attempts: int = 0
    is_landed: bool = False
    state: Literal["running", "complete", "partial", "failed"] = "running"
    failure: str | None = None
    is_resumable: bool = False
    resumes: int = 0
    revision: int = 0

    @property
    def job(self) -> Job:
        """Give the job at hand."""
        return self.jobs[self.current]

    @property
    def is_last(self) -> bool:
        """Say whether no job comes after the one at hand."""
        return self.current == len(self.jobs) - 1

    @property
    def is_at_hand(self) -> bool:
        """Say whether to go on with it: it runs, or failed in a way that trying again may mend."""
        again = self.state == "failed" and self.is_resumable and self.resumes < MAX_RESUMES
        return self.state == "running" or again

    def with_job(self, job: Job, **changes: object) -> "Export":
        """Give a copy in which the job at hand is another one."""
        jobs = (*self.jobs[: self.current], job, *self.jobs[self.current + 1 :])
        return self.but(jobs=jobs, **changes)


def next_action(export: Export, now: datetime) -> Action | None:
    """Say what to do now; None when there is nothing, or nothing yet."""
    if export.state != "running" or now < export.next_at:
        return None
    job = export.job
    if job.status_url is None:
        return Action.kick_off if job.intended_at else Action.intend
    if job.is_stale:
        return Action.refresh
    if not job.is_complete and (job.poll_at is None or job.poll_at <= now):
        return Action.poll
    if job.done < job.files:
        return Action.download
    return _after_download(export) if job.is_complete else None


def due_at(export: Export) -> datetime:
    """Say when there is something to do; meaningful while it is running."""
    job = export.job
    idle = not job.is_complete and job.done >= job.files and not job.is_stale
    waits = job.poll_at if idle and job.status_url else None
    return max(export.next_at, waits) if waits else export.next_at


def _after_download(export: Export) -> Action:
    job = export.job
    if job.purpose is Purpose.membership and not job.members_compared:
        return Action.compare_members
    if export.is_last and not export.is_landed:
        return Action.land
    return Action.finish if job.is_released else Action.release
