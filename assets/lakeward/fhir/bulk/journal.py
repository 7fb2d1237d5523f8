"""The export log: one JSON object a line, in the events of the implementers' log format.

No token, no patient, no text of a server: errors are codes, and URLs come without their query. The
one exception is the status URL, which identifies the export; some servers put its id in the query.

Source: the log format of smart-on-fhir/bulk-data-client, which other tools read too.
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

    def record(self, event: str, export_id: str | None, **detail: Any) -> None:
        """Append an event with the present time in UTC.

        Args:
            event: Name of the event, as `status_progress`.
            export_id: The status URL; None before there is one.
            detail: Fields of the event; those that are None are left out.
        """
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


def record_page(journal: Journal, job: Job, pages: Sequence[Page], *, is_new: bool) -> None:
    """Append the events of a manifest page, and those of the whole manifest after its last page."""
    if not is_new:
        return
    when = {"transactionTime": pages[-1].body.get("transactionTime")}
    counts = _counts([pages[-1]])
    journal.record("status_page_complete", job.status_url, **when, **counts)
    if job.is_complete:
        total = {f"total{name[0].upper()}{name[1:]}": n for name, n in _counts(pages).items()}
        journal.record("status_complete", job.status_url, **when)
        journal.record(
            "manifest_complete", job.status_url, **when, **total, totalManifests=len(pages)
        )


def _counts(pages: Sequence[Page]) -> dict[str, int]:
    kinds: list[str] = [file.kind for page in pages for file in page.manifest.files]
    names = {"output": "output", "deleted": "deleted", "error": "outcome"}
    return {f"{name}FileCount": kinds.count(kind) for name, kind in names.items()}
