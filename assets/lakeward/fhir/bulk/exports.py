"""Pulling a source: resume the export at hand or plan a new one, and advance it.

The way in for the command line and for Dagster. Who waits between steps is their business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lakeward.core.errors import LakewardError, UsageError
from lakeward.fhir.bulk.context import Context
from lakeward.fhir.bulk.fetching import forget_failures
from lakeward.fhir.bulk.finishing import forget_patients
from lakeward.fhir.bulk.state import Export, Job, Purpose, due_at
from lakeward.fhir.bulk.steps import STATUS_HEADERS, step
from lakeward.fhir.bulk.store import Store, read_model
from lakeward.fhir.bulk.watermark import Watermark, must_be_full, request_hash
from lakeward.landing.bulk import BulkExport

Told = Callable[[Export], None]
CANCELLED = "cancelled"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be exported.

    Attributes:
        day: Day of the delivery.
        full: All, whatever is held already.
        since: Only what changed after this instant; default: after the watermark.
        until: Only what changed up to this instant.
    """

    day: date
    full: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_special(self) -> bool:
        """Say whether it asks for anything but the next regular export."""
        return self.full or self.since is not None or self.until is not None


def begin(context: Context, wish: Wish) -> Export:
    """Give the export at hand, to go on with; if there is none, plan one and keep the plan.

    One that failed and can be resumed is at hand too: what it has fetched is kept.

    Raises:
        UsageError: An export is at hand and something else is wanted, or the wish is none.
    """
    if wish.full and wish.since:
        raise UsageError(
            f"export of {context.source.name}",
            "`full` and `since` contradict each other",
            "one of them",
            "leave one out: an export of a window is not a full one",
        )
    held = context.store.load()
    if held and held.is_at_hand:
        if wish.is_special:
            raise UsageError(
                f"export of {held.source}",
                f"export {held.export_id} is not at its end",
                "no option that asks for something else",
                f"let it end, or cancel it: `lakeward bulk cancel {held.source}`",
            )
        return held if held.state == "running" else _resumed(context, held)
    if held and held.state == "failed":
        _abandon(context, held)
    mark = read_model(context.store.watermark, Watermark)
    return context.store.save(_plan(context, wish, mark))


def advance(context: Context, export: Export, told: Told = lambda _: None) -> Export:
    """Take steps until the export ends or has to wait."""
    while export.state == "running" and due_at(export) <= context.clock.now():
        export = step(context, export)
        told(export)
    return export


def complete(context: Context, export: Export, told: Told = lambda _: None) -> Export:
    """Take steps until the export ends, sleeping while it has to wait."""
    while export.state == "running":
        export = advance(context, export, told)
        pause = (due_at(export) - context.clock.now()).total_seconds()
        if export.state == "running" and pause > 0:
            context.clock.sleep(pause)
    return export


def cancel(context: Context) -> Export | None:
    """Give up the export at hand: the server is told and what was fetched is removed."""
    held = context.store.load()
    if held is None or held.state in ("complete", "partial") or held.failure == CANCELLED:
        return None
    _abandon(context, held)
    forget_patients(context.store.export_folder(held))
    return context.store.save(held.but(state="failed", failure=CANCELLED, is_resumable=False))


def is_due(bulk_cadence: str, held: Export | None, day: date, now: datetime) -> bool:
    """Say whether automation should begin the export of a day."""
    if held is None:
        return True
    if held.state == "failed":
        return now >= held.next_at
    if bulk_cadence == "hourly":
        return now - held.started_at >= timedelta(hours=1)
    return day - held.day >= timedelta(days=7 if bulk_cadence == "weekly" else 1)


def _abandon(context: Context, held: Export) -> None:
    """Tell the server that nobody waits for a job: some run one export at a time for a client."""
    for job in held.jobs:
        if job.status_url and not job.is_released:
            try:
                context.ask("DELETE", job.status_url, STATUS_HEADERS)
            except LakewardError:
                continue  # it forgets by itself in time; a URL that must not be asked stops nothing


def _plan(context: Context, wish: Wish, mark: Watermark | None) -> Export:
    bulk, now = context.bulk, context.clock.now()
    full = wish.full or (wish.since is None and must_be_full(bulk, mark, now))
    since = None if full or mark is None else wish.since or mark.since
    since = wish.since or since
    main = Job(purpose=Purpose.full if full else Purpose.changes, since=since, until=wish.until)
    members = (Job(purpose=Purpose.membership),) if bulk.follows_membership else ()
    for folder in context.store.folder.glob("exports/*"):
        forget_patients(folder)  # of one that was given up
    return Export(
        source=context.source.name,
        export_id=_export_id(context.store, now),
        day=wish.day,
        started_at=now,
        request=request_hash(bulk),
        advances=_closes_gap(bulk, mark, full=full, since=since),
        jobs=(*members, main),
        next_at=now,
    )


def _closes_gap(
    bulk: BulkExport, mark: Watermark | None, *, full: bool, since: datetime | None
) -> bool:
    """Say whether an export leaves nothing out between what is held and itself."""
    if full:
        return True
    same = mark is not None and mark.request == request_hash(bulk)
    return same and mark is not None and since is not None and since <= mark.since


def _resumed(context: Context, held: Export) -> Export:
    forget_failures(context.store.job_folder(held))
    now = context.clock.now()
    again = held.but(state="running", failure=None, is_resumable=False, attempts=0, next_at=now)
    return context.store.save(again.but(resumes=held.resumes + 1))


def _export_id(store: Store, now: datetime) -> str:
    name = f"{now:%Y%m%dT%H%M%SZ}"
    number = 1
    while (store.folder / "exports" / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return name if number == 1 else f"{name}-{number}"
