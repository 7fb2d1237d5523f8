"""The state of an export as it is kept between steps, and what comes next; pure, no clock, no disk.

An export is one or more jobs (kick-offs) in a row:

    full         everything
    changes      what changed since the watermark
    of a group   membership -> new_members (none, one or several) -> changes

Each value is frozen; a step makes a new one. `next_action` is a function of the state alone, so a
process that was killed goes on where the last kept state says.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

MAX_RESUMES = 3
"""So often a failed export is resumed; a file that stays wrong may be right in a new export."""


class Purpose(StrEnum):
    """What a job is for."""

    membership = "membership"
    new_members = "new_members"
    changes = "changes"
    full = "full"


class Action(StrEnum):
    """What a step does, in the order in which a job goes through them."""

    intend = "intend"
    kick_off = "kick_off"
    poll = "poll"
    download = "download"
    refresh = "refresh"
    compare_members = "compare_members"
    land = "land"
    release = "release"
    finish = "finish"


class FrozenModel(BaseModel):
    """A value that is kept as JSON and never changes; a field of another version is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: object) -> Self:
        """Return a copy with some fields changed."""
        return self.model_copy(update=changes)


class Job(FrozenModel):
    """One kick-off and what came of it; all times are in UTC.

    Attributes:
        purpose: What it is for.
        since: Only what changed after this instant (`_since`).
        until: Only what changed up to this instant (`_until`).
        first_patient: First of the new members that it names, counted from 0.
        patients: How many of them; 0 means that it names none.
        intended_at: Set before the kick-off is sent, since a kill may lose its answer.
        kicked_off_at: Time of the answer, by the server's clock.
        request_url: The kick-off URL.
        status_url: `Content-Location` of the answer; None before there is one.
        polls: Status requests so far.
        poll_at: Earliest time of the next one.
        progress: `X-Progress`, the server's own words.
        pages: Manifest pages that are kept.
        tail_url: The page to ask for next; it may still grow.
        is_complete: No more pages come.
        expires_at: Until when the server keeps the files (`Expires`).
        refreshes: How often the manifest was asked for again because URLs had expired.
        fresh_pages: Pages that the last refresh brought.
        is_stale: A file had expired: the manifest must be asked for again.
        files: Files that the manifest names so far.
        done: Files that are durable.
        losses: Lines of outcome files that report a loss.
        older: Resources older than `since`: the server ignores `_since`.
        unwanted: Resources that match no type filter: the server ignores `_typeFilter`.
        members_compared: The jobs for new members have been inserted.
        is_released: The server may forget the job.
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


class ExportRun(FrozenModel):
    """One pull of a source: its jobs and how far it is; all times are in UTC.

    Attributes:
        source: Name of the source.
        export_id: Time of its start; names its folders.
        day: Business day of the delivery that it becomes.
        started_at: Time of its start.
        request: Hash of what was asked for, see `watermark.request_hash`.
        advances: Whether the watermark may advance when all goes well.
        jobs: In the order in which they run.
        current: Position of the current job, from 0.
        next_at: Earliest time of the next step.
        attempts: Failed attempts at the next action.
        is_landed: The delivery is complete.
        state: `partial` if outcome files report losses: landed, and asked for again next time.
        failure: Why it failed or waits, in our words.
        is_resumable: Whether trying again can go on where it stopped.
        resumes: How often it was resumed after a failure.
        revision: Number of steps that were kept.
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
        """Return the current job."""
        return self.jobs[self.current]

    @property
    def is_last(self) -> bool:
        """Return whether no job comes after the current one."""
        return self.current == len(self.jobs) - 1

    @property
    def can_continue(self) -> bool:
        """Return whether to go on with it: it runs, or failed in a way that may pass."""
        again = self.state == "failed" and self.is_resumable and self.resumes < MAX_RESUMES
        return self.state == "running" or again

    def with_job(self, job: Job, **changes: object) -> "ExportRun":
        """Return a copy with another current job, and perhaps other fields changed."""
        jobs = (*self.jobs[: self.current], job, *self.jobs[self.current + 1 :])
        return self.but(jobs=jobs, **changes)


def next_action(export: ExportRun, now: datetime) -> Action | None:
    """Return what to do now; None if the export has ended or has to wait.

    With partial manifests (STU3) files are fetched while the export runs: the next page is asked
    for when its time has come, and files are fetched in between.
    """
    if export.state != "running" or now < export.next_at:
        return None
    job = export.job
    if job.status_url is None:
        return Action.kick_off if job.intended_at else Action.intend
    if job.is_stale:
        return Action.refresh
    # polling goes before fetching: it is one request, and its time has come
    if not job.is_complete and (job.poll_at is None or job.poll_at <= now):
        return Action.poll
    if job.done < job.files:
        return Action.download
    return _after_download(export) if job.is_complete else None


def due_at(export: ExportRun) -> datetime:
    """Return when there is something to do next, in UTC; meaningful while the export runs."""
    job = export.job
    # with files left to fetch there is always something to do, whenever the next poll is
    idle = not job.is_complete and job.done >= job.files and not job.is_stale
    waits = job.poll_at if idle and job.status_url else None
    return max(export.next_at, waits) if waits else export.next_at


def _after_download(export: ExportRun) -> Action:
    job = export.job
    if job.purpose is Purpose.membership and not job.members_compared:
        return Action.compare_members
    if export.is_last and not export.is_landed:
        return Action.land
    return Action.finish if job.is_released else Action.release
