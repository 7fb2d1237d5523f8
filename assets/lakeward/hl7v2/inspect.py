"""Tells what a file holds without loading it: envelopes, counts, messages, rejects with reasons.

Never shows content of a message beyond its type and control id.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakeward.hl7v2.framing.batch import Layout, scan
from lakeward.hl7v2.framing.reconcile import History, Settled, reconcile
from lakeward.hl7v2.framing.streams import PIECE, open_file
from lakeward.hl7v2.raw.messages import Judged, judge_file
from lakeward.landing.deliveries import hash_file
from lakeward.landing.sources import Source

STATUSES = ("stored", "duplicate", "quarantined")


@dataclass
class Inspection:
    """A file under inspection: `head` at once, `messages` as they are read, then `counts`.

    Duplicates are those within the file; what the lake holds already is not asked.
    """

    path: Path
    source: Source
    layout: Layout
    envelopes: list[Settled]
    reasons: Counter[str] = field(default_factory=Counter)
    _statuses: Counter[str] = field(default_factory=Counter)

    @property
    def terminator(self) -> str | None:
        """Name the line ends of the file."""
        return None if self.layout.problem else _terminator(self.path)

    def head(self) -> dict[str, Any]:
        """Describe the file as a whole and its batches."""
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
        """Describe the records in order."""
        seen: set[bytes] = set()
        for judged in judge_file(self.path, self.layout, self.source):
            for message in _describe(judged, self.layout, seen):
                self._statuses[message["status"]] += 1
                if message["reason"]:
                    self.reasons[message["reason"]] += 1
                yield message

    def counts(self) -> dict[str, int]:
        """Count the records by status; to be asked after `messages` were read."""
        return {"found": self.layout.found} | {s: self._statuses[s] for s in STATUSES}


def inspection(path: Path, source: Source) -> Inspection:
    """Begin to inspect a file under the rules of an interface."""
    layout, envelopes = reconcile(path, scan(path), source, History())
    return Inspection(path, source, layout, envelopes)


def inspect_file(path: Path, source: Source) -> dict[str, Any]:
    """Describe a file as `lakeward hl7 inspect --json` prints it."""
    inspected = inspection(path, source)
    return {
        **inspected.head(),
        "messages": list(inspected.messages()),
        "counts": inspected.counts(),
    }


def _batch(settled: Settled, file: Settled | None) -> dict[str, Any]:
    batch = settled.envelope
    return {
        "promised": batch.promised,
        "found": batch.found,
        "control_id": batch.header.control_id if batch.header else None,
        "reference_control_id": batch.header.reference_control_id if batch.header else None,
        "state": settled.state,
        "warnings": list(settled.warnings),
        "file": file.envelope.number if file else None,
        "file_warnings": list(file.warnings) if file else [],
    }


def _describe(judged: Judged, layout: Layout, seen: set[bytes]) -> Iterator[dict[str, Any]]:
    at_kept = {index: row for row, index in enumerate(judged.kept.tolist())}
    for index, (record, reason) in enumerate(zip(judged.records, judged.reasons, strict=True)):
        entry: dict[str, Any] = {
            "index": judged.first + index + 1,
            "offset": int(layout.starts[judged.first + index]),
            "length": len(record),
            "type": None,
            "control_id": None,
            "charset": None,
            "status": "quarantined",
            "reason": reason,
        }
        if reason is None:
            entry |= _header(judged, at_kept[index], seen)
        yield entry


def _header(judged: Judged, row: int, seen: set[bytes]) -> dict[str, Any]:
    parts = [judged.headers[n][row].as_py() for n in ("message_type", "trigger_event")]
    digest = judged.hashes[row]
    status = "duplicate" if digest in seen else "stored"
    seen.add(digest)
    return {
        "type": "^".join(part for part in parts if part),
        "control_id": judged.headers["control_id"][row].as_py(),
        "charset": judged.charsets[row].codec,
        "status": status,
    }


def _terminator(path: Path) -> str | None:
    """Name the line ends of a file: CR, LF, CRLF, mixed, or None when it has none."""
    found: Counter[str] = Counter()
    last = b""
    with open_file(path) as file:
        while piece := file.read(PIECE):
            text = last + piece
            last = text[-1:] if text.endswith(b"\r") else b""
            _count_ends(text[: len(text) - len(last)], found)
    found["CR"] += len(last)
    kinds = [kind for kind, count in found.items() if count]
    return kinds[0] if len(kinds) == 1 else ("mixed" if kinds else None)


def _count_ends(text: bytes, found: Counter[str]) -> None:
    both = text.count(b"\r\n")
    found["CRLF"] += both
    found["CR"] += text.count(b"\r") - both
    found["LF"] += text.count(b"\n") - both
