"""The end of a job and of an export: members compared, delivery landed, watermark advanced."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lakeward.core.errors import PermanentError
from lakeward.fhir.bulk.context import Context
from lakeward.fhir.bulk.delivery import Part, land_parts
from lakeward.fhir.bulk.fetching import entries_of, read_progress
from lakeward.fhir.bulk.pages import merged_manifest, read_pages
from lakeward.fhir.bulk.state import Export, Job, Purpose
from lakeward.fhir.bulk.store import job_name, read_model, write_text
from lakeward.fhir.bulk.unpacking import BOM, lines_of
from lakeward.fhir.bulk.watermark import Watermark, advanced, joined, with_members

PATIENTS_PER_JOB = 500
"""A kick-off names at most so many new members."""

_JOINED = "joined.json"


def patients_of(context: Context, export: Export) -> list[str]:
    """List the patients that the job at hand names, if any."""
    job = export.job
    if not job.patients:
        return []
    found = json.loads((context.store.export_folder(export) / _JOINED).read_text())
    return [str(p) for p in found][job.first_patient : job.first_patient + job.patients]


def compare_members(context: Context, export: Export) -> Export:
    """Find who joined the group and put their history on the list of jobs."""
    new = joined(_held(context), _members(context, export))
    write_text(context.store.export_folder(export) / _JOINED, json.dumps(new))
    moved = export.with_job(export.job.but(members_compared=True))
    if export.jobs[-1].purpose is Purpose.full:
        return moved
    history = [
        Job(
            purpose=Purpose.new_members,
            first_patient=start,
            patients=len(new[start : start + PATIENTS_PER_JOB]),
        )
        for start in range(0, len(new), PATIENTS_PER_JOB)
    ]
    at = moved.current + 1
    return moved.but(jobs=(*moved.jobs[:at], *history, *moved.jobs[at:]))


def land(context: Context, export: Export) -> Export:
    """Make the delivery of the export's day."""
    day_folder = context.home.landing / export.source / export.day.isoformat()
    land_parts(day_folder, [_part(context, export, n) for n in _with_data(export)])
    return export.but(is_landed=True, attempts=0, failure=None)


def finish(context: Context, export: Export) -> Export:
    """Advance the watermark if nothing was lost, and end the export."""
    losses = sum(job.losses for job in export.jobs)
    if not losses and export.advances:
        _advance(context, export)
    totals = [read_progress(context.store.job_folder(export, n)) for n in _with_data(export)]
    context.journal(export).tell(
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
        why = f"the server tells of {losses} loss(es) in its outcome files"
        return export.but(state="partial", failure=why, attempts=0)
    return export.but(state="complete", failure=None, attempts=0)


def forget_patients(folder: Path) -> None:
    """Remove what an export held of patients besides its delivery."""
    (folder / _JOINED).unlink(missing_ok=True)
    for files in folder.glob("*/files"):
        shutil.rmtree(files, ignore_errors=True)


def _advance(context: Context, export: Export) -> None:
    held, last = _held(context), len(export.jobs) - 1
    named = (export.export_id, export.day.isoformat())
    if held and held.export_id == export.export_id:
        return  # a call that was killed had written it
    told = _transaction_time(context, export, last)
    mark = advanced(context.bulk, held, export.jobs[last], told, named)
    mark = mark.but(request=export.request)
    if export.jobs[0].purpose is Purpose.membership:
        began = _transaction_time(context, export, 0) or export.started_at
        mark = with_members(mark, _members(context, export, 0), began)
    write_text(context.store.watermark, mark.model_dump_json(indent=1))


def _held(context: Context) -> Watermark | None:
    return read_model(context.store.watermark, Watermark)


def _with_data(export: Export) -> Iterator[int]:
    return (n for n, job in enumerate(export.jobs) if job.purpose is not Purpose.membership)


def _part(context: Context, export: Export, position: int) -> Part:
    folder, job = context.store.job_folder(export, position), export.jobs[position]
    entries = entries_of(context, export, position)
    # with the first URLs again: names and promises are what counts here
    manifest = merged_manifest(read_pages(folder, job.pages), entries, job.request_url)
    return Part(
        name=f"{export.export_id}-{job_name(export, position)}",
        folder=folder / "files",
        files=tuple(entry.name for entry in entries),
        manifest=manifest,
    )


def _transaction_time(context: Context, export: Export, position: int) -> datetime | None:
    folder = context.store.job_folder(export, position)
    pages = read_pages(folder, export.jobs[position].pages)
    told = [t for page in pages if (t := page.manifest.transaction_time)]
    return min(told, default=None)


def _members(context: Context, export: Export, position: int | None = None) -> set[str]:
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
            patient = json.loads(text)
            if patient["resourceType"] == "Patient":
                found.add(str(patient["id"]))
        except (ValueError, KeyError, TypeError):
            # a member who cannot be read is one who would be taken to have left
            raise PermanentError(f"members, line {number}", "is no patient", "a Patient") from None
    return found
