"""Decides what becomes of each envelope: accepted, duplicate or quarantined, and its records.

Pure policy over counts and what was accepted before; it neither reads tables nor writes any.

| Condition | What follows |
|---|---|
| a trailer promises another count | quarantined (`batch_policy`) |
| header without trailer, file ends within a segment | quarantined (`batch_policy`) |
| accepted before with the same content | duplicate; its messages are stored already |
| accepted before with other content | quarantined (`control_id_policy`) |
| header or trailer missing, header twice, count no number, counter skips | warning |

*Promised* is the count that a trailer states (BTS-1 messages, FTS-1 batches), *found* what the file
holds. When they differ, messages were lost on the way or a batch was cut: by default all of the
envelope is rejected and waits for a person, since nobody can see which messages are missing. A
source whose trailers are known to be wrong has `batch_policy: accept_with_warning`; then the
messages are stored and the envelope keeps the warning.

Source: HL7 v2.5.1 chapter 2, section 2.10.3 (batch protocol).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lakeward.core.files import sha256_of
from lakeward.hl7v2.framing.batch import REASONS, FileLayout
from lakeward.hl7v2.framing.envelope import Envelope, count_skipped, later_control_id
from lakeward.hl7v2.framing.streams import PIECE, open_file
from lakeward.landing.sources import Source

COUNT_MISMATCH, TRUNCATED, CONTROL_ID_REUSE = (
    REASONS.index(reason) for reason in ("count_mismatch", "truncated", "control_id_reuse")
)

EnvelopeKey = tuple[str, str, str, str]
"""Kind, sending application, sending facility and control id, see `Envelope.key`."""
Sender = tuple[str, str]
"""Sending application and facility."""


@dataclass(frozen=True)
class EnvelopeOutcome:
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
    """Accepted envelopes of one source; grows while files are reconciled.

    Attributes:
        contents: By key, the hashes of what was accepted under it. Several where the source has
            `control_id_policy: accept_with_warning`.
        counters: By sender, the latest control id of a file.
    """

    contents: dict[EnvelopeKey, set[str]] = field(default_factory=dict)
    counters: dict[Sender, str] = field(default_factory=dict)


def reconcile(
    path: Path, layout: FileLayout, source: Source, history: History
) -> tuple[FileLayout, list[EnvelopeOutcome]]:
    """Check the envelopes of a file; return its layout with reasons, and what became of each.

    A file (FHS … FTS) comes before its batches, which share its fate when it is a duplicate or
    quarantined.

    Args:
        path: The file, read again for the content of envelopes with a control id.
        layout: Its layout.
        source: Whose policy applies.
        history: What was accepted before; what is accepted now is added.
    """
    layout = replace(layout, reasons=np.zeros(layout.found, np.int8))
    contents = _hash_contents(path, layout)
    outcomes: list[EnvelopeOutcome] = []
    batches_of_file = defaultdict(list)
    for batch in layout.batches:
        batches_of_file[batch.file].append(batch)

    def check(envelope: Envelope, outer: str) -> str:
        one = _check(envelope, layout, source, history, contents.get(_span(envelope)), outer)
        outcomes.append(one)
        return one.state

    for file in (None, *layout.files):  # first the batches that stand in no file
        outer = check(file, "accepted") if file else "accepted"
        at = len(outcomes) - 1
        for batch in batches_of_file[file.number if file else 0]:
            check(batch, outer)
            outcomes[-1] = _remember(outcomes[-1], layout, history)
        if file:
            # only now is it known whether all records of the file were accepted
            outcomes[at] = _remember(outcomes[at], layout, history)
    return layout, outcomes


def _remember(one: EnvelopeOutcome, layout: FileLayout, history: History) -> EnvelopeOutcome:
    """Add an accepted envelope to the history, if all of it was accepted.

    One that was rejected, whole or in part, is not remembered: the sender repairs it and sends it
    again under the same control id, which would else count as a reuse.
    """
    key = one.envelope.key
    if key and key[0] == "file" and one.state != "duplicate":
        sender = key[1:3]
        history.counters[sender] = later_control_id(history.counters.get(sender), key[3])
    if not one.state.startswith("accepted"):
        return one
    if layout.reasons[slice(*_span(one.envelope))].any():
        warnings = (*one.warnings, "partly_quarantined")
        return replace(one, state="accepted_with_warning", warnings=warnings)
    if key and one.content_sha256:
        history.contents.setdefault(key, set()).add(one.content_sha256)
    return one


def _check(
    envelope: Envelope,
    layout: FileLayout,
    source: Source,
    history: History,
    content: str | None,
    outer: str,
) -> EnvelopeOutcome:
    """Compare an envelope with its promise and with what was accepted before.

    Args:
        envelope: A file or a batch.
        layout: The layout of its file; reasons of rejected records are entered.
        source: Whose policy applies.
        history: What was accepted before.
        content: Hash of its messages; None without a control id.
        outer: State of the file that a batch stands in.
    """
    earlier = history.contents.get(envelope.key, set()) if envelope.key else set()
    # a file that is sent again has a low number, which is no gap
    missing = _missing(envelope, history) if content not in earlier else 0
    warnings = envelope.warnings + ("sequence_gap",) * bool(missing)
    reused = bool(earlier) and content not in earlier
    warnings += ("control_id_reuse",) * reused
    rejected = _reject_records(envelope, layout, source, reused=reused)
    # the later of these wins: what is quarantined may be a duplicate as well
    state = "accepted_with_warning" if warnings else "accepted"
    if content in earlier or outer == "duplicate":
        state = "duplicate"
    if rejected or outer == "quarantined":
        state = "quarantined"
    return EnvelopeOutcome(envelope, state, warnings, content, missing)


def _reject_records(
    envelope: Envelope, layout: FileLayout, source: Source, *, reused: bool
) -> bool:
    """Enter the reason of each record that is rejected; return whether all of the envelope is.

    A record keeps the first reason that is found for it: that of its file before its batch's.
    """
    span = slice(envelope.first, envelope.last)
    reasons, in_no_batch = layout.reasons[span], layout.batch[span] == 0
    free = reasons == 0
    if not envelope.keeps_promise and source.batch_policy == "quarantine":
        reasons[free] = COUNT_MISMATCH
        return True
    if "truncated" in envelope.warnings:
        if source.batch_policy != "quarantine":
            # the whole messages are accepted, never the last one, whose end is missing
            reasons[-1:][free[-1:]] = TRUNCATED
            return False
        # a truncated file keeps its whole batches: they kept their own promises
        reasons[free & in_no_batch if envelope.kind == "file" else free] = TRUNCATED
        return envelope.kind == "batch"
    if reused and source.control_id_policy == "quarantine":
        reasons[free] = CONTROL_ID_REUSE
        return True
    return False


def _missing(envelope: Envelope, history: History) -> int:
    if envelope.key is None or envelope.kind != "file":
        return 0
    before = history.counters.get(envelope.key[1:3])
    return count_skipped(before, envelope.key[3]) if before else 0


def _span(envelope: Envelope) -> tuple[int, int]:
    return envelope.first, envelope.last


def _hash_contents(path: Path, layout: FileLayout) -> dict[tuple[int, int], str]:
    """Hash the messages of each envelope that has a control id, by its span of records.

    One pass over the file: envelopes nest, so the file is cut wherever one starts or ends, each
    section is hashed once, and an envelope's hash is that of the hashes of its sections.
    """
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
        (first, last): sha256_of(b"".join(sections[at[first] : at[last]])) for first, last in spans
    }


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(size, PIECE))):
        size -= len(piece)
        yield piece


def _with_one_line_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Turn CRLF and LF into CR: a batch that is sent again over another transport is a duplicate.

    A CR at the end of a piece is kept for the next one, since LF may follow it.
    """
    held = b""
    for read in pieces:
        piece = held + read
        held = piece[-1:] if piece.endswith(b"\r") else b""
        piece = piece[: len(piece) - len(held)]
        yield piece.replace(b"\r\n", b"\r").replace(b"\n", b"\r") if b"\n" in piece else piece
    yield held
