"""Where the exports of a source stand, in plain values: for the command line and for Dagster."""

from typing import Any

from lakeward.core.paths import Home
from lakeward.fhir.bulk.polling import percent
from lakeward.fhir.bulk.state import Export, due_at
from lakeward.fhir.bulk.store import read_model, store_of
from lakeward.fhir.bulk.watermark import Watermark


def summary(home: Home, source: str) -> dict[str, Any]:
    """Give the state of a source's export at hand, or the last one, and its watermark."""
    store = store_of(home, source)
    export, mark = store.load(), read_model(store.watermark, Watermark)
    return {
        "source": source,
        **_of(export),
        "held_up_to": mark.since if mark else None,
        "full_export_at": mark.full_at if mark else None,
        "members": len(mark.present) if mark else 0,
    }


def _of(export: Export | None) -> dict[str, Any]:
    if export is None:
        names = ("export_id", "day", "state", "job", "progress", "files", "done", "due_at", "told")
        return dict.fromkeys(names)
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
        "told": export.failure,
    }
