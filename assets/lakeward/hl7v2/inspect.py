"""Tells what a file holds without loading it: envelopes, counts, messages, rejects with reasons.

Never shows content of a message beyond its type and control id.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from lakeward.hl7v2.batch import PIECE, Layout, open_file, scan
from lakeward.hl7v2.messages import Judged, judge_file
from lakeward.landing.deliveries import hash_file
from lakeward.landing.sources import Source


def inspect_file(path: Path, source: Source) -> dict[str, Any]:
    """Describe a file as `lakeward hl7 inspect --json` prints it.

    Duplicates are those within the file; what the lake holds already is not asked.
    """
    layout = scan(path)
    seen: set[bytes] = set()
    messages = [
        message
        for judged in judge_file(path, layout, source)
        for message in _describe(judged, layout, seen)
    ]
    counts = Counter(message["status"] for message in messages)
    return {
        "file": path.name,
        "sha256": hash_file(path),
        "terminator": None if layout.problem else _terminator(path),
        "batches": [{"promised": b.promised, "found": b.found} for b in layout.batches],
        "files_promised": layout.files_promised,
        "messages": messages,
        "counts": {"found": layout.found}
        | {status: counts[status] for status in ("stored", "duplicate", "quarantined")},
    }


def _describe(judged: Judged, layout: Layout, seen: set[bytes]) -> list[dict[str, Any]]:
    at_kept = {index: row for row, index in enumerate(judged.kept.tolist())}
    described = []
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
        described.append(entry)
    return described


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
