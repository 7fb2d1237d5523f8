"""Describes what a file holds without loading it: envelopes, counts, messages, rejects, reasons.

Never shows content of a message beyond its type and control id. What is printed of it, and how, is
`orchestration.cli.inspection`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakeward.hl7v2.framing.batch import FileLayout, scan
from lakeward.hl7v2.framing.reconcile import EnvelopeOutcome, History, reconcile
from lakeward.hl7v2.framing.streams import PIECE, open_file
from lakeward.hl7v2.raw.messages import CheckedMessages, check_file
from lakeward.landing.deliveries import hash_file
from lakeward.landing.sources import Source

STATUSES = ("stored", "duplicate", "quarantined")
"""What would become of a record if the file was loaded alone into an empty lake."""


@dataclass
class Inspection:
    """A file under inspection: `head` at once, `messages` as they are read, then `counts`.

    Duplicates are those within the file; the lake is not consulted.
    """

    path: Path
    source: Source
    layout: FileLayout
    envelopes: list[EnvelopeOutcome]
    reasons: Counter[str] = field(default_factory=Counter)
    _statuses: Counter[str] = field(default_factory=Counter)

    @property
    def terminator(self) -> str | None:
        """Name the line ends of the file."""
        return None if self.layout.problem else _terminator(self.path)

    def head(self) -> dict[str, Any]:
        """Describe the file as a whole and its batches.

        Returns:
            `file` (its name), `sha256`, `terminator`, `batches` (one entry a batch, see `_batch`),
            `files_promised`. The keys are those of `--json`, which other programs read.
        """
        files = {e.envelope.number: e for e in self.envelopes if e.envelope.kind == "file"}
        return {
            "file": self.path.name,
            "sha256": hash_file(self.path),
            "terminator": self.terminator,
            "batches": [
                _batch(each, files.get(each.envelope.file))
                for each in self.envelopes
                if each.envelope.kind == "batch"
            ],
            "files_promised": self.layout.files_promised,
        }

    def messages(self) -> Iterator[dict[str, Any]]:
        """Describe the records in order, and count them by status and reason.

        Yields:
            One entry a record: `index` (from 1), `offset`, `length`, `type` (`ADT^A01`),
            `control_id`, `charset` (all three None for a rejected one), `status` (one of
            `STATUSES`), `reason`.
        """
        seen: set[bytes] = set()
        for checked in check_file(self.path, self.layout, self.source):
            for message in _describe(checked, self.layout, seen):
                self._statuses[message["status"]] += 1
                if message["reason"]:
                    self.reasons[message["reason"]] += 1
                yield message

    def counts(self) -> dict[str, int]:
        """Count the records by status; complete once `messages` were read."""
        return {"found": self.layout.found} | {s: self._statuses[s] for s in STATUSES}


def open_inspection(path: Path, source: Source) -> Inspection:
    """Begin to inspect a file under the rules of an interface, as if it was the first one."""
    layout, envelopes = reconcile(path, scan(path), source, History())
    return Inspection(path, source, layout, envelopes)


def _batch(outcome: EnvelopeOutcome, file: EnvelopeOutcome | None) -> dict[str, Any]:
    batch = outcome.envelope
    return {
        "promised": batch.promised,
        "found": batch.found,
        "control_id": batch.header.control_id if batch.header else None,
        "reference_control_id": batch.header.reference_control_id if batch.header else None,
        "state": outcome.state,
        "warnings": list(outcome.warnings),
        "file": file.envelope.number if file else None,
        "file_warnings": list(file.warnings) if file else [],
    }


def _describe(
    checked: CheckedMessages, layout: FileLayout, seen: set[bytes]
) -> Iterator[dict[str, Any]]:
    row_of = {index: row for row, index in enumerate(checked.kept.tolist())}
    for index, (record, reason) in enumerate(zip(checked.records, checked.reasons, strict=True)):
        entry: dict[str, Any] = {
            "index": checked.first + index + 1,
            "offset": int(layout.starts[checked.first + index]),
            "length": len(record),
            "type": None,
            "control_id": None,
            "charset": None,
            "status": "quarantined",
            "reason": reason,
        }
        if reason is None:
            entry |= _describe_message(checked, row_of[index], seen)
        yield entry


def _describe_message(checked: CheckedMessages, row: int, seen: set[bytes]) -> dict[str, Any]:
    parts = [checked.headers[n][row].as_py() for n in ("message_type", "trigger_event")]
    digest = checked.hashes[row]
    status = "duplicate" if digest in seen else "stored"
    seen.add(digest)
    return {
        "type": "^".join(part for part in parts if part),
        "control_id": checked.headers["control_id"][row].as_py(),
        "charset": checked.charsets[row].codec,
        "status": status,
    }


def _terminator(path: Path) -> str | None:
    """Name the line ends of a file: CR, LF, CRLF, mixed, or None when it has none."""
    found: Counter[str] = Counter()
    held = b""  # a CR at the end of a piece, which may be half a CRLF
    with open_file(path) as file:
        while piece := file.read(PIECE):
            text = held + piece
            held = text[-1:] if text.endswith(b"\r") else b""
            _count_ends(text[: len(text) - len(held)], found)
    found["CR"] += len(held)
    kinds = [kind for kind, count in found.items() if count]
    return kinds[0] if len(kinds) == 1 else ("mixed" if kinds else None)


def _count_ends(text: bytes, found: Counter[str]) -> None:
    both = text.count(b"\r\n")
    found["CRLF"] += both
    found["CR"] += text.count(b"\r") - both
    found["LF"] += text.count(b"\n") - both
