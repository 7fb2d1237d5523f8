"""Pulling a source: resume the current export or plan a new one, and advance it.

The way in for the command line and for Dagster. Nothing here waits but `complete`, which the
command line uses; the sensor comes back instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lakeward.core.errors import LakewardError, UsageError
from lakeward.fhir.bulk.context import ExportContext
from lakeward.fhir.bulk.fetching import forget_failures
from lakeward.fhir.bulk.finishing import forget_patients
from lakeward.fhir.bulk.state import ExportRun, Job, Purpose, due_at
from lakeward.fhir.bulk.steps import STATUS_HEADERS, step
from lakeward.fhir.bulk.store import Store, read_model
from lakeward.fhir.bulk.watermark import Watermark, must_be_full, request_hash
from lakeward.landing.bulk import BulkExport

Report = Callable[[ExportRun], None]
"""Called after each step, to show how far the export is."""

CANCELLED = "cancelled"


@dataclass(frozen=True)
class ExportRequest:
    """What somebody asks to be exported.

    Attributes:
        day: Business day of the delivery, in the facility's zone.
        full: Everything, whatever is stored already.
        since: Only what changed after this instant; default: after the watermark.
        until: Only what changed up to this instant.
    """

    day: date
    full: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_special(self) -> bool:
        """Return whether it asks for anything but the next regular export."""
        return self.full or self.since is not None or self.until is not None


def begin(context: ExportContext, request: ExportRequest) -> ExportRun:
    """Return the current export if it can go on, else plan a new one and keep the plan.

    An export that failed in a way that trying again may cure goes on too: what it has fetched is
    kept.

    Raises:
        UsageError: The current export must end first, or the request contradicts itself.
    """
    if request.full and request.since:
        raise UsageError(
            f"export of {context.source.name}",
            "`full` and `since` contradict each other",
            "one of them",
            "leave one out: an export of a window is not a full one",
        )
    held = context.store.load()
    if held and held.can_continue:
        if request.is_special:
            raise UsageError(
                f"export of {held.source}",
                f"export {held.export_id} is not at its end",
                "no option that asks for something else",
                f"let it end, or cancel it: `lakeward bulk cancel {held.source}`",
            )
        return held if held.state == "running" else _resumed(context, held)
    # its jobs may still occupy the one slot that the server has for us
    if held and held.state == "failed":
        _abandon(context, held)
    mark = read_model(context.store.watermark, Watermark)
    return context.store.save(_plan(context, request, mark))


def advance(
    context: ExportContext, export: ExportRun, report: Report = lambda _: None
) -> ExportRun:
    """Take steps until the export ends or has to wait."""
    while export.state == "running" and due_at(export) <= context.clock.now():
        export = step(context, export)
        report(export)
    return export


def complete(
    context: ExportContext, export: ExportRun, report: Report = lambda _: None
) -> ExportRun:
    """Take steps until the export ends, sleeping while it has to wait."""
    while export.state == "running":
        export = advance(context, export, report)
        pause = (due_at(export) - context.clock.now()).total_seconds()
        # the state is kept before each pause, so Ctrl-C here loses nothing
        if export.state == "running" and pause > 0:
            context.clock.sleep(pause)
    return export


def cancel(context: ExportContext) -> ExportRun | None:
    """Cancel the current export: release its jobs at the server, remove what was fetched.

    Returns:
        The export that was given up, None if there was none.
    """
    held = context.store.load()
    if held is None or held.state in ("complete", "partial") or held.failure == CANCELLED:
        return None
    _abandon(context, held)
    forget_patients(context.store.export_folder(held))
    return context.store.save(held.but(state="failed", failure=CANCELLED, is_resumable=False))


def is_due(bulk_cadence: str, held: ExportRun | None, day: date, now: datetime) -> bool:
    """Return whether automation should begin the export of a day.

    Args:
        bulk_cadence: The source's `cadence`: hourly, daily or weekly.
        held: The last export, if there was one.
        day: The day that an export begun now is for.
        now: The present, in UTC.
    """
    if held is None:
        return True
    if held.state == "failed":
        return now >= held.next_at
    if bulk_cadence == "hourly":
        return now - held.started_at >= timedelta(hours=1)
    return day - held.day >= timedelta(days=7 if bulk_cadence == "weekly" else 1)


def _abandon(context: ExportContext, held: ExportRun) -> None:
    """Release the jobs of an export at the server: some (Epic) run one at a time for a client."""
    for job in held.jobs:
        if job.status_url and not job.is_released:
            try:
                context.ask("DELETE", job.status_url, STATUS_HEADERS)
            except LakewardError:
                continue  # servers forget jobs by themselves; this must not stop the next export


def _plan(context: ExportContext, request: ExportRequest, mark: Watermark | None) -> ExportRun:
    bulk, now = context.bulk, context.clock.now()
    full = request.full or (request.since is None and must_be_full(bulk, mark, now))
    since = None if full or mark is None else request.since or mark.since
    since = request.since or since
    main = Job(purpose=Purpose.full if full else Purpose.changes, since=since, until=request.until)
    # who is in the group is asked first, also for a full export: the watermark keeps it
    members = (Job(purpose=Purpose.membership),) if bulk.follows_membership else ()
    for folder in context.store.folder.glob("exports/*"):
        forget_patients(folder)  # those of an export that was given up
    return ExportRun(
        source=context.source.name,
        export_id=_export_id(context.store, now),
        day=request.day,
        started_at=now,
        request=request_hash(bulk),
        advances=_closes_gap(bulk, mark, full=full, since=since),
        jobs=(*members, main),
        next_at=now,
    )


def _closes_gap(
    bulk: BulkExport, mark: Watermark | None, *, full: bool, since: datetime | None
) -> bool:
    """Return whether an export leaves no gap between what is stored and itself.

    Only then may it advance the watermark. A window asked for by `since` may begin later, and what
    changed in between would never be asked for again.
    """
    if full:
        return True
    same = mark is not None and mark.request == request_hash(bulk)
    return same and mark is not None and since is not None and since <= mark.since


def _resumed(context: ExportContext, held: ExportRun) -> ExportRun:
    forget_failures(context.store.job_folder(held))
    now = context.clock.now()
    again = held.but(state="running", failure=None, is_resumable=False, attempts=0, next_at=now)
    return context.store.save(again.but(resumes=held.resumes + 1))


def _export_id(store: Store, now: datetime) -> str:
    name = f"{now:%Y%m%dT%H%M%SZ}"
    number = 1  # several in one second: tests, and a person who is quick
    while (store.folder / "exports" / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return name if number == 1 else f"{name}-{number}"
