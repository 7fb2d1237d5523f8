"""Fetching the files of a job: a few at once, each noted as soon as it is durable.

What a failure means is decided here: wait, ask for new URLs, try again, or give up so that nothing
half is landed. The file journal (`files.ndjson`) is what a resumed export goes by.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from lakeward.fhir.bulk.context import Context
from lakeward.fhir.bulk.download import Fate, Fetched, Fetching, fetch
from lakeward.fhir.bulk.outcome import count_bad
from lakeward.fhir.bulk.pages import FileEntry, file_entries, read_pages
from lakeward.fhir.bulk.state import Export
from lakeward.fhir.bulk.store import append_line, read_lines
from lakeward.fhir.bulk.transport import Answer, place
from lakeward.fhir.bulk.unpacking import lines_of

FILES_PER_STEP = 100
STEPS = 20
"""A step reads the whole list again: with 20,000 files, small steps would do little else."""

MAX_REFRESHES = 3
_NOTHING = Answer(503, {}, b"")


@dataclass(frozen=True)
class Progress:
    """What the file journal of a job adds up to; `tries` are failed ones since the last `retry`."""

    done: frozenset[str]
    tries: Counter[str]
    losses: int
    lines: int
    bytes: int
    older: int
    unwanted: int


def read_progress(folder: Path) -> Progress:
    """Fold the file journal; `retry` forgets failures: somebody wants them tried again."""
    done: dict[str, dict[str, Any]] = {}
    tries: Counter[str] = Counter()
    for record in read_lines(folder / "files.ndjson"):
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
    """Let every file be tried anew."""
    append_line(folder / "files.ndjson", {"key": "", "fate": "retry"})


def entries_of(context: Context, export: Export, position: int | None = None) -> list[FileEntry]:
    """List the files that a job's manifest names, with their URLs of the day."""
    job = export.job if position is None else export.jobs[position]
    folder = context.store.job_folder(export, position)
    first = read_pages(folder, job.pages)
    fresh = read_pages(folder, job.fresh_pages, job.refreshes) if job.refreshes else []
    return file_entries(first, [*fresh, *first[len(fresh) :]])


def download(context: Context, export: Export) -> Export:
    """Fetch the next files of the job at hand: a share of all, `FILES_PER_STEP` at least."""
    job, folder = export.job, context.store.job_folder(export)
    before = read_progress(folder)
    waiting = [e for e in entries_of(context, export) if e.key not in before.done]
    fetching = Fetching(
        context.bulk, context.transport, context.tokens, folder / "files", job.since
    )
    troubles: list[Fetched] = []
    share = max(FILES_PER_STEP, job.files // STEPS)
    for wave in _waves(waiting[:share], context.bulk.concurrency):
        troubles += _fetch_wave(context, export, fetching, wave)
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
    return _judge(context, moved, after, troubles)


def _fetch_wave(
    context: Context, export: Export, fetching: Fetching, wave: Sequence[FileEntry]
) -> list[Fetched]:
    """Fetch files at once and note each; give those that are not durable."""
    journal, job = context.journal(export), export.job
    folder = context.store.job_folder(export)
    about = [{"fileUrl": place(e.promised.url), "itemType": _item_type(e)} for e in wave]
    for each in about:
        journal.tell("download_request", job.status_url, **each)
    with ThreadPoolExecutor(len(wave)) as pool:
        results = list(pool.map(partial(fetch, fetching), wave))
    for entry, each, result in zip(wave, about, results, strict=True):
        append_line(folder / "files.ndjson", _record(entry, result, folder))
        if result.fate is Fate.done:
            told = {"resourceCount": result.lines, "fileSize": result.bytes}
            journal.tell("download_complete", job.status_url, **each, **told)
            if result.older:
                journal.tell("since_ignored", job.status_url, **each, count=result.older)
            if result.unwanted:
                journal.tell("filter_ignored", job.status_url, **each, count=result.unwanted)
        else:
            journal.tell(
                "download_error",
                job.status_url,
                **each,
                code=result.status or None,
                message=result.problem,
            )
    return [result for result in results if result.fate is not Fate.done]


def _judge(
    context: Context, export: Export, progress: Progress, troubles: Sequence[Fetched]
) -> Export:
    """Decide what the files that are not durable mean for the export."""
    job, retries = export.job, context.bulk.retries
    fates = {trouble.fate: trouble for trouble in troubles}
    if not troubles:
        return export.but(attempts=0, failure=None)
    spent = [t for t in troubles if t.fate is Fate.again and progress.tries[t.key] >= retries]
    for lost in [*spent, *(t for t in troubles if t.fate is Fate.failed)]:
        why = f"file {lost.key} of the manifest: {lost.problem}"
        return export.but(state="failed", failure=why, is_resumable=True)
    if Fate.expired in fates:
        if job.refreshes >= MAX_REFRESHES:
            why = "files have expired, and asking for the manifest again did not help"
            return export.but(state="failed", failure=why)
        return export.with_job(job.but(is_stale=True))
    worst = fates.get(Fate.throttled) or troubles[0]
    pause = context.patience(export).wait(worst.answer or _NOTHING, running=False)
    return export.but(
        next_at=context.clock.now() + timedelta(seconds=pause),
        attempts=export.attempts + 1,
        failure=f"file {worst.key} of the manifest: {worst.problem}",
    )


def _record(entry: FileEntry, result: Fetched, folder: Path) -> dict[str, Any]:
    if result.fate is not Fate.done:
        return {"key": result.key, "fate": result.fate, "problem": result.problem}
    outcome = folder / "files" / result.name if entry.promised.kind == "outcome" else None
    losses = count_bad(lines_of(outcome)) if outcome else 0
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


def _waves(entries: Sequence[FileEntry], size: int) -> Iterator[Sequence[FileEntry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
