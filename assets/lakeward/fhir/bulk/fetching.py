"""Fetching the files of a job: a few at once, each entered in the file journal once it is durable.

What a failure means is decided here: wait, ask for new URLs, try again, or give up so that nothing
half is landed. A resumed export reads from the file journal (`files.ndjson`) what it has already.

Source: Bulk Data Access STU3, export, "Bulk Data Output File Request".
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from lakeward.fhir.bulk.context import ExportContext
from lakeward.fhir.bulk.download import Fate, Fetched, Fetching, fetch
from lakeward.fhir.bulk.outcome import count_losses
from lakeward.fhir.bulk.pages import FileEntry, file_entries, read_pages
from lakeward.fhir.bulk.state import ExportRun
from lakeward.fhir.bulk.store import append_line, read_lines
from lakeward.fhir.bulk.transport import Answer, without_query
from lakeward.fhir.bulk.unpacking import lines_of

FILES_PER_STEP = 100
STEPS = 20
"""A step fetches at least 100 files and at least a twentieth of all. Each step reads the manifest
and the journal again, and Oracle has sent exports of 20,000 small files: with small steps, reading
would take longer than fetching."""

MAX_REFRESHES = 3
"""New URLs that expire at once are a fault of the server; asking more often is no cure."""

_NO_ANSWER = Answer(503, {}, b"")
"""In place of the answer of a connection that broke: the pause is that of an overloaded server."""


@dataclass(frozen=True)
class Progress:
    """What the file journal of a job adds up to.

    Attributes:
        done: Keys of the files that are durable.
        tries: Failed attempts by key, since the last `retry`.
        losses: Lines of outcome files that report a loss.
        lines: Lines of all files that are done.
        bytes: Bytes of these files on disk.
        older: Resources older than `_since`.
        unwanted: Resources that match no type filter.
    """

    done: frozenset[str]
    tries: Counter[str]
    losses: int
    lines: int
    bytes: int
    older: int
    unwanted: int


def read_progress(folder: Path) -> Progress:
    """Fold the file journal of a job's folder.

    A file may be in it several times, since a kill may come between the rename of a file and its
    line: the last line counts. A line `retry` clears the failed attempts.
    """
    done: dict[str, dict[str, Any]] = {}
    tries: Counter[str] = Counter()
    for record in read_lines(folder / "files.ndjson"):
        # by key, so that a file with two lines counts once
        if record["fate"] == Fate.done:
            done[record["key"]] = record
        elif record["fate"] == "retry":
            tries.clear()
        else:
            tries[record["key"]] += 1
    names = ("losses", "lines", "bytes", "older", "unwanted")
    total = {n: sum(r[n] for r in done.values()) for n in names}
    return Progress(frozenset(done), tries, **total)


def forget_failures(folder: Path) -> None:
    """Clear the failed attempts, so that a resumed export tries every file again."""
    append_line(folder / "files.ndjson", {"key": "", "fate": "retry"})


def entries_of(
    context: ExportContext, export: ExportRun, position: int | None = None
) -> list[FileEntry]:
    """List the files that a job's manifest names, with the newest URLs that the server gave.

    Args:
        context: What the steps share.
        export: The export.
        position: Position of the job, from 0; default: the current one.
    """
    job = export.job if position is None else export.jobs[position]
    folder = context.store.job_folder(export, position)
    first = read_pages(folder, job.pages)
    fresh = read_pages(folder, job.fresh_pages, job.refreshes) if job.refreshes else []
    return file_entries(first, [*fresh, *first[len(fresh) :]])


def download(context: ExportContext, export: ExportRun) -> ExportRun:
    """Fetch the next files of the current job: a share of all, `FILES_PER_STEP` at least.

    May be repeated: files that the journal names as done are left out.
    """
    job, folder = export.job, context.store.job_folder(export)
    before = read_progress(folder)
    waiting = [e for e in entries_of(context, export) if e.key not in before.done]
    fetching = Fetching(
        context.bulk, context.transport, context.tokens, folder / "files", job.since
    )
    troubles: list[Fetched] = []
    # the step ends with the first batch that has a problem: a server that throttles one file would
    # throttle the next, and only the state machine may wait
    share = max(FILES_PER_STEP, job.files // STEPS)
    for batch in _batches(waiting[:share], context.bulk.concurrency):
        troubles += _fetch_batch(context, export, fetching, batch)
        if troubles:
            break
    after = read_progress(folder)
    moved = export.with_job(
        job.but(
            done=len(after.done),
            losses=after.losses,
            older=after.older,
            unwanted=after.unwanted,
        )
    )
    return _decide(context, moved, after, troubles)


def _fetch_batch(
    context: ExportContext, export: ExportRun, fetching: Fetching, batch: Sequence[FileEntry]
) -> list[Fetched]:
    """Fetch files side by side, enter each in the journal, return those that are not durable."""
    journal, job = context.journal(export), export.job
    folder = context.store.job_folder(export)
    about = [{"fileUrl": without_query(e.promised.url), "itemType": _item_type(e)} for e in batch]
    for each in about:
        journal.record("download_request", job.status_url, **each)
    # threads only fetch; journal and log are written here, one line after the other
    with ThreadPoolExecutor(len(batch)) as pool:
        results = list(pool.map(partial(fetch, fetching), batch))
    for entry, each, result in zip(batch, about, results, strict=True):
        append_line(folder / "files.ndjson", _record(entry, result, folder))
        if result.fate is Fate.done:
            counts = {"resourceCount": result.lines, "fileSize": result.bytes}
            journal.record("download_complete", job.status_url, **each, **counts)
            if result.older:
                journal.record("since_ignored", job.status_url, **each, count=result.older)
            if result.unwanted:
                journal.record("filter_ignored", job.status_url, **each, count=result.unwanted)
        else:
            journal.record(
                "download_error",
                job.status_url,
                **each,
                code=result.status or None,
                message=result.problem,
            )
    return [result for result in results if result.fate is not Fate.done]


def _decide(
    context: ExportContext, export: ExportRun, progress: Progress, troubles: Sequence[Fetched]
) -> ExportRun:
    """Decide what the files that are not durable mean for the export."""
    job, retries = export.job, context.bulk.retries
    fates = {trouble.fate: trouble for trouble in troubles}
    if not troubles:
        return export.but(attempts=0, failure=None)
    # a file that stays wrong fails the export: landing the others would be a delivery that looks
    # complete, and the watermark would move past what is missing
    spent = [t for t in troubles if t.fate is Fate.again and progress.tries[t.key] >= retries]
    for lost in [*spent, *(t for t in troubles if t.fate is Fate.failed)]:
        why = f"file {lost.key} of the manifest: {lost.problem}"
        return export.but(state="failed", failure=why, is_resumable=True)
    # new URLs come with new answers of the status request; that is the next step
    if Fate.expired in fates:
        if job.refreshes >= MAX_REFRESHES:
            why = "files have expired, and new URLs expired as well"
            return export.but(state="failed", failure=why)
        return export.with_job(job.but(is_stale=True))
    # a server that throttles says for how long, so its answer decides the pause
    worst = fates.get(Fate.throttled) or troubles[0]
    pause = context.patience(export).wait(worst.answer or _NO_ANSWER, running=False)
    return export.but(
        next_at=context.clock.now() + timedelta(seconds=pause),
        attempts=export.attempts + 1,
        failure=f"file {worst.key} of the manifest: {worst.problem}",
    )


def _record(entry: FileEntry, result: Fetched, folder: Path) -> dict[str, Any]:
    if result.fate is not Fate.done:
        return {"key": result.key, "fate": result.fate, "problem": result.problem}
    # read now: when the export ends, its files are in landing and the job decides by this number
    outcome = folder / "files" / result.name if entry.promised.kind == "outcome" else None
    losses = count_losses(lines_of(outcome)) if outcome else 0
    return {
        "key": result.key,
        "fate": result.fate,
        "name": result.name,
        "sha256": result.sha256,
        "lines": result.lines,
        "bytes": result.bytes,
        "older": result.older,
        "unwanted": result.unwanted,
        "losses": losses,
    }


def _item_type(entry: FileEntry) -> str:
    return "error" if entry.promised.kind == "outcome" else entry.promised.kind


def _batches(entries: Sequence[FileEntry], size: int) -> Iterator[Sequence[FileEntry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
