"""The export log: the events of the Bulk Data Access implementers' log, one JSON object a line.

No token, no patient, no text of a server: errors are codes, and URLs stand without their query but
for the status URL, which names the export and whose query may be its only name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakeward.fhir.bulk.pages import Page
from lakeward.fhir.bulk.state import Job
from lakeward.fhir.bulk.store import append_line


@dataclass(frozen=True)
class Journal:
    """The log of one export."""

    path: Path
    now: Callable[[], datetime]

    def tell(self, event: str, export_id: str | None, **detail: Any) -> None:
        """Append an event; `export_id` is the status URL, none before there is one."""
        instant = self.now().astimezone(UTC).isoformat(timespec="milliseconds")
        append_line(
            self.path,
            {
                "exportId": export_id,
                "timestamp": instant.replace("+00:00", "Z"),
                "eventId": event,
                "eventDetail": {k: v for k, v in detail.items() if v is not None},
            },
        )


def tell_page(journal: Journal, job: Job, pages: Sequence[Page], *, is_new: bool) -> None:
    """Tell of a manifest page, and of the whole manifest when it was the last."""
    if not is_new:
        return
    when = {"transactionTime": pages[-1].body.get("transactionTime")}
    counts = _counts([pages[-1]])
    journal.tell("status_page_complete", job.status_url, **when, **counts)
    if job.is_complete:
        total = {f"total{name[0].upper()}{name[1:]}": n for name, n in _counts(pages).items()}
        journal.tell("status_complete", job.status_url, **when)
        journal.tell(
            "manifest_complete", job.status_url, **when, **total, totalManifests=len(pages)
        )


def _counts(pages: Sequence[Page]) -> dict[str, int]:
    kinds: list[str] = [file.kind for page in pages for file in page.manifest.files]
    names = {"output": "output", "deleted": "deleted", "error": "outcome"}
    return {f"{name}FileCount": kinds.count(kind) for name, kind in names.items()}
