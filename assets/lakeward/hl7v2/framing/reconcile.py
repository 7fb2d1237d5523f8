"""Decides what becomes of each envelope: accepted, duplicate or quarantined, and its records.

Pure policy over counts and what was accepted before; it neither reads tables nor writes any.

| Condition | What follows |
|---|---|
| a trailer promises another count | quarantined (`batch_policy`) |
| header without trailer, file ends within a segment | quarantined (`batch_policy`) |
| accepted before with the same content | duplicate; its messages are stored already |
| accepted before with other content | quarantined (`control_id_policy`) |
| header or trailer missing, header twice, count no number, counter skips | warning |
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lakeward.hl7v2.framing.batch import REASONS, Layout
from lakeward.hl7v2.framing.envelope import Envelope, later_of, missing_between
from lakeward.hl7v2.framing.streams import PIECE, open_file
from lakeward.landing.sources import Source

COUNT_MISMATCH, TRUNCATED, CONTROL_ID_REUSE = (
    REASONS.index(reason) for reason in ("count_mismatch", "truncated", "control_id_reuse")
)

Key = tuple[str, str, str, str]
Sender = tuple[str, str]


@dataclass(frozen=True)
class Settled:
    """What became of an envelope.

    Attributes:
        envelope: The envelope as it was read.
        state: accepted, accepted_with_warning, duplicate or quarantined.
        warnings: Codes, those of the envelope and those found in comparison with others.
        content_sha256: Hash of its messages whatever the line ends; None without a control id.
        missing: How many numbers the counter in its control id skipped (files only).
    """

    envelope: Envelope
    state: str
    warnings: tuple[str, ...] = ()
    content_sha256: str | None = None
    missing: int = 0


@dataclass
class History:
    """Accepted envelopes of one source: contents by key, latest file control id by sender."""

    contents: dict[Key, set[str]] = field(default_factory=dict)
    counters: dict[Sender, str] = field(default_factory=dict)


def reconcile(
    path: Path, layout: Layout, source: Source, history: History
) -> tuple[Layout, list[Settled]]:
    """Settle the envelopes of a file; give its layout with reasons, and what became of each.

    Args:
        path: The file, read again for the content of envelopes with a control id.
        layout: Its layout.
        source: Whose policy applies.
        history: What was accepted before; what is accepted now is added.
    """
    layout = replace(layout, reasons=np.zeros(layout.found, np.int8))
    contents = _contents(path, layout)
    settled: list[Settled] = []
    within = defaultdict(list)
    for batch in layout.batches:
        within[batch.file].append(batch)

    def settle(envelope: Envelope, outer: str) -> str:
        one = _settle(envelope, layout, source, history, contents.get(_span(envelope)), outer)
        settled.append(one)
        return one.state

    for file in (None, *layout.files):
        outer = settle(file, "accepted") if file else "accepted"
        place = len(settled) - 1
        for batch in within[file.number if file else 0]:
            settle(batch, outer)
            settled[-1] = _remember(settled[-1], layout, history)
        if file:
            settled[place] = _remember(settled[place], layout, history)
    return layout, settled


def _remember(one: Settled, layout: Layout, history: History) -> Settled:
    """Note what is accepted whole: what is mended may come again under the same control id."""
    key = one.envelope.key
    if key and key[0] == "file" and one.state != "duplicate":
        history.counters[key[1:3]] = later_of(history.counters.get(key[1:3]), key[3])
    if not one.state.startswith("accepted"):
        return one
    if layout.reasons[slice(*_span(one.envelope))].any():
        warnings = (*one.warnings, "partly_quarantined")
        return replace(one, state="accepted_with_warning", warnings=warnings)
    if key and one.content_sha256:
        history.contents.setdefault(key, set()).add(one.content_sha256)
    return one


def _settle(
    envelope: Envelope,
    layout: Layout,
    source: Source,
    history: History,
    content: str | None,
    outer: str,
) -> Settled:
    earlier = history.contents.get(envelope.key, set()) if envelope.key else set()
    missing = _missing(envelope, history) if content not in earlier else 0
    warnings = envelope.warnings + ("sequence_gap",) * bool(missing)
    reused = bool(earlier) and content not in earlier
    warnings += ("control_id_reuse",) * reused
    aside = _aside(envelope, layout, source, reused=reused)
    state = "accepted_with_warning" if warnings else "accepted"
    if content in earlier or outer == "duplicate":
        state = "duplicate"
    if aside or outer == "quarantined":
        state = "quarantined"
    return Settled(envelope, state, warnings, content, missing)


def _aside(envelope: Envelope, layout: Layout, source: Source, *, reused: bool) -> bool:
    """Mark the records that are set aside; say whether all of the envelope is."""
    span = slice(envelope.first, envelope.last)
    reasons, loose = layout.reasons[span], layout.batch[span] == 0
    free = reasons == 0
    if not envelope.holds and source.batch_policy == "quarantine":
        reasons[free] = COUNT_MISMATCH
        return True
    if "truncated" in envelope.warnings:
        if source.batch_policy != "quarantine":
            reasons[-1:][free[-1:]] = TRUNCATED
            return False
        reasons[free & loose if envelope.kind == "file" else free] = TRUNCATED
        return envelope.kind == "batch"
    if reused and source.control_id_policy == "quarantine":
        reasons[free] = CONTROL_ID_REUSE
        return True
    return False


def _missing(envelope: Envelope, history: History) -> int:
    if envelope.key is None or envelope.kind != "file":
        return 0
    before = history.counters.get(envelope.key[1:3])
    return missing_between(before, envelope.key[3]) if before else 0


def _span(envelope: Envelope) -> tuple[int, int]:
    return envelope.first, envelope.last


def _contents(path: Path, layout: Layout) -> dict[tuple[int, int], str]:
    """Hash the messages of each envelope that has a control id, in one pass over the file."""
    spans = sorted({_span(e) for e in (*layout.files, *layout.batches) if e.key})
    cuts = sorted({cut for span in spans for cut in span})
    if not cuts:
        return {}
    with open_file(path) as file:
        sections = []
        for first, last in pairwise(cuts):
            digest = sha256()
            start, end = int(layout.starts[first]), int(layout.ends[last - 1])
            file.seek(start)
            for piece in _with_one_line_end(_pieces(file, end - start)):
                digest.update(piece)
            sections.append(digest.digest())
    at = {cut: index for index, cut in enumerate(cuts)}
    return {
        (first, last): sha256(b"".join(sections[at[first] : at[last]])).hexdigest()
        for first, last in spans
    }


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(size, PIECE))):
        size -= len(piece)
        yield piece


def _with_one_line_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Turn CRLF and LF into CR, as transports do the other way round."""
    held = b""
    for read in pieces:
        piece = held + read
        held = piece[-1:] if piece.endswith(b"\r") else b""
        piece = piece[: len(piece) - len(held)]
        yield piece.replace(b"\r\n", b"\r").replace(b"\n", b"\r") if b"\n" in piece else piece
    yield held
