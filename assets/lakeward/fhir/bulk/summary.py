"""How far the exports of a source are, in plain values: for the command line and for Dagster."""

from typing import Any

from lakeward.core.paths import Home
from lakeward.fhir.bulk.polling import percent
from lakeward.fhir.bulk.state import ExportRun, due_at
from lakeward.fhir.bulk.store import read_model, store_of
from lakeward.fhir.bulk.watermark import Watermark


def summary(home: Home, source: str) -> dict[str, Any]:
    """Return the state of a source's current or last export, and its watermark.

    Returns:
        By name: `source`, `export_id`, `day`, `state`, `job` (purpose and position), `progress`
        (percent), `files`, `done`, `due_at`, `failure`, `held_up_to`, `full_export_at` (times in
        UTC) and `members` (of the group, now). None where there is nothing yet.
    """
    store = store_of(home, source)
    export, mark = store.load(), read_model(store.watermark, Watermark)
    return {
        "source": source,
        **_of(export),
        "held_up_to": mark.since if mark else None,
        "full_export_at": mark.full_at if mark else None,
        "members": len(mark.present) if mark else 0,
    }


def _of(export: ExportRun | None) -> dict[str, Any]:
    if export is None:
        names = "export_id day state job progress files done due_at failure"
        return dict.fromkeys(names.split())
    job = export.job
    return {
        "export_id": export.export_id,
        "day": export.day,
        "state": export.state,
        "job": f"{job.purpose.value} {export.current + 1}/{len(export.jobs)}",
        "progress": percent(job.progress),
        "files": sum(j.files for j in export.jobs),
        "done": sum(j.done for j in export.jobs),
        "due_at": due_at(export) if export.state == "running" else None,
        "failure": export.failure,
    }
