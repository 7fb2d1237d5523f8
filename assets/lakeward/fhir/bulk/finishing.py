"""The end of a job and of an export: members compared, delivery landed, watermark advanced.

Why members are compared: `_since` leaves out the history of patients who joined the group later.
The guide recommends three exports instead (STU2, export, "Bulk Data Kick-off Request", `_since` at
group level): the ids of all members, everything about those who are new, and what changed.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lakeward.core.errors import PermanentError
from lakeward.core.foreign_json import read_json
from lakeward.fhir.bulk.context import ExportContext
from lakeward.fhir.bulk.delivery import JobFiles, land_jobs
from lakeward.fhir.bulk.fetching import entries_of, read_progress
from lakeward.fhir.bulk.pages import merged_manifest, read_pages
from lakeward.fhir.bulk.state import ExportRun, Job, Purpose
from lakeward.fhir.bulk.store import job_name, read_model, write_text
from lakeward.fhir.bulk.unpacking import BOM, lines_of
from lakeward.fhir.bulk.watermark import Watermark, advanced, joined, with_members

PATIENTS_PER_JOB = 500
"""A kick-off names at most so many new members: the list is one request body."""

_JOINED = "joined.json"


def patients_of(context: ExportContext, export: ExportRun) -> list[str]:
    """List the ids of the patients whom the current job names, none if it names none."""
    job = export.job
    if not job.patients:
        return []
    found = json.loads((context.store.export_folder(export) / _JOINED).read_text())
    return [str(p) for p in found][job.first_patient : job.first_patient + job.patients]


def compare_members(context: ExportContext, export: ExportRun) -> ExportRun:
    """Find who joined the group and insert the jobs that ask for their history.

    May be repeated: until its result is kept, the same members are found and the same jobs made.
    """
    new = joined(_held(context), _members(context, export))
    write_text(context.store.export_folder(export) / _JOINED, json.dumps(new))
    moved = export.with_job(export.job.but(members_compared=True))
    if export.jobs[-1].purpose is Purpose.full:
        return moved  # everything about everybody comes anyway
    history = [
        Job(
            purpose=Purpose.new_members,
            first_patient=start,
            patients=len(new[start : start + PATIENTS_PER_JOB]),
        )
        for start in range(0, len(new), PATIENTS_PER_JOB)
    ]
    # before the changes: the watermark is that of the last job, so history must be there by then
    at = moved.current + 1
    return moved.but(jobs=(*moved.jobs[:at], *history, *moved.jobs[at:]))


def land(context: ExportContext, export: ExportRun) -> ExportRun:
    """Complete the delivery of the export's day; may be repeated, see `delivery.land_jobs`."""
    day_folder = context.home.landing / export.source / export.day.isoformat()
    land_jobs(day_folder, [_job_files(context, export, n) for n in _with_data(export)])
    return export.but(is_landed=True, attempts=0, failure=None)


def finish(context: ExportContext, export: ExportRun) -> ExportRun:
    """Advance the watermark if nothing was lost, and end the export.

    May be repeated: a watermark that this export has written is left as it is.
    """
    # of all jobs: a membership job that lost members would make them look as if they had left
    losses = sum(job.losses for job in export.jobs)
    if not losses and export.advances:
        _advance(context, export)
    totals = [read_progress(context.store.job_folder(export, n)) for n in _with_data(export)]
    context.journal(export).record(
        "export_complete",
        export.jobs[-1].status_url,
        files=sum(len(t.done) for t in totals),
        resources=sum(t.lines for t in totals),
        bytes=sum(t.bytes for t in totals),
        attachments=0,
        duration=round((context.clock.now() - export.started_at).total_seconds() * 1000),
    )
    forget_patients(context.store.export_folder(export))
    if losses:
        why = f"the server reports {losses} loss(es) in its outcome files"
        return export.but(state="partial", failure=why, attempts=0)
    return export.but(state="complete", failure=None, attempts=0)


def forget_patients(folder: Path) -> None:
    """Remove from an export's folder what is about patients: ids of new members, and files."""
    (folder / _JOINED).unlink(missing_ok=True)
    for files in folder.glob("*/files"):
        shutil.rmtree(files, ignore_errors=True)


def _advance(context: ExportContext, export: ExportRun) -> None:
    held, last = _held(context), len(export.jobs) - 1
    named = (export.export_id, export.day.isoformat())
    if held and held.export_id == export.export_id:
        return  # an earlier call wrote it and was killed before its result was kept
    transaction_time = _transaction_time(context, export, last)
    mark = advanced(context.bulk, held, export.jobs[last], transaction_time, named)
    # what was asked for, not what is configured now: sources.yaml may have changed meanwhile
    mark = mark.but(request=export.request)
    if export.jobs[0].purpose is Purpose.membership:
        # members are those at the time of the first job, not of the last
        began = _transaction_time(context, export, 0) or export.started_at
        mark = with_members(mark, _members(context, export, 0), began)
    write_text(context.store.watermark, mark.model_dump_json(indent=1))


def _held(context: ExportContext) -> Watermark | None:
    return read_model(context.store.watermark, Watermark)


def _with_data(export: ExportRun) -> Iterator[int]:
    return (n for n, job in enumerate(export.jobs) if job.purpose is not Purpose.membership)


def _job_files(context: ExportContext, export: ExportRun, position: int) -> JobFiles:
    folder, job = context.store.job_folder(export, position), export.jobs[position]
    entries = entries_of(context, export, position)
    # the first pages, not the refreshed ones: names of files come from the first URLs
    manifest = merged_manifest(read_pages(folder, job.pages), entries, job.request_url)
    return JobFiles(
        name=f"{export.export_id}-{job_name(export, position)}",
        folder=folder / "files",
        files=tuple(entry.name for entry in entries),
        manifest=manifest,
    )


def _transaction_time(context: ExportContext, export: ExportRun, position: int) -> datetime | None:
    folder = context.store.job_folder(export, position)
    pages = read_pages(folder, export.jobs[position].pages)
    # pages of one manifest may differ: the earliest time asks for more than needed, never for less
    times = [t for page in pages if (t := page.manifest.transaction_time)]
    return min(times, default=None)


def _members(context: ExportContext, export: ExportRun, position: int | None = None) -> set[str]:
    """Read the ids of the group's patients from the files of a membership job."""
    folder = context.store.job_folder(export, position) / "files"
    found: set[str] = set()
    for entry in entries_of(context, export, position):
        if entry.promised.kind == "output":
            found |= _ids(folder / entry.name)
    return found


def _ids(path: Path) -> set[str]:
    found = set()
    for number, line in enumerate(lines_of(path), start=1):
        text = line.removeprefix(BOM).strip()
        if not text:
            continue
        try:
            patient = read_json(text)
            if patient["resourceType"] == "Patient":
                found.add(str(patient["id"]))
        except (ValueError, KeyError, TypeError):
            # to skip the line would be to record that this member has left the group
            raise PermanentError(f"members, line {number}", "is no patient", "a Patient") from None
    return found
