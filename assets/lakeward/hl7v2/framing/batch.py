"""Finds the messages and envelopes of a file, on bytes.

A file is read twice, in pieces: `scan` notes where records start and which envelopes wrap them,
`read_blocks` reads the records back. Nothing here knows what is inside a message, nor decodes it.

Grammar: `[FHS] { [BHS] { MSH… } [BTS] } [FTS]`, every wrapper optional. A record starts where a
line starts with MSH; a line starts after CR, LF, VT (0x0B) or FS (0x1C), or a byte order mark. Text
that belongs to no message (a message that lost its MSH, a log line) is a record of its own, so
that no byte is lost without a trace. Which line ends inside a message end a segment is decided in
`normalise`.

    FHS|…  BHS|…  MSH|… PID|… PV1|…  MSH|… PID|…  BTS|2  a log line  FTS|1     lines
                  ^                  ^                   ^                     starts
                  |---- record 0 ---||- record 1 -|      |-- record 2 --|
           |------------ batch 1: 2 promised, 2 found --|
    |-------------------- file 1: 1 promised, 1 found ------------------------|

Source: HL7 v2.5.1 chapter 2, section 2.10.3 (batch protocol); VT and FS are the block characters of
MLLP, which interface engines leave in the files they write.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lakeward.hl7v2.arrays import Bools, Ints
from lakeward.hl7v2.framing.envelope import Envelope
from lakeward.hl7v2.framing.envelope_scan import EnvelopeScan
from lakeward.hl7v2.framing.line_marks import (
    BOM,
    IS_HL7V2,
    IS_RECORD,
    LineKind,
    LineMarks,
    mark_lines,
)
from lakeward.hl7v2.framing.streams import (
    PIECE,
    UnfoldsTooFarError,
    open_file,
    open_unpacked,
    wide_encoding,
)

KEPT = 1 << 20
"""How much of a file that is no HL7 v2 file is read back; the file itself stays in landing."""
LONGEST = 64 << 20
"""Bytes of a record that is read back whole. Documents are sent in messages of up to 50 MB; one of
100 MB took over a gigabyte of memory. Above `PIECE`, so a longer one is alone in its block."""
_ENDS = b"\r\n\x0b\x1c\x00\x1a"
"""What is cut off at the end of a record: line ends, padding (NUL) and the end mark of DOS."""
REASONS = (None, "count_mismatch", "truncated", "control_id_reuse")
"""Why a record is rejected for the envelope it stands in, by code; see `reconcile`."""


def _no_reasons() -> NDArray[np.int8]:
    return np.zeros(0, np.int8)


@dataclass(frozen=True)
class FileLayout:
    """Where the records of a file stand: arrays of one entry a record, in order of the file.

    Attributes:
        starts: First byte of each record; `streams` says which bytes are counted.
        ends: First byte after it, trailing line ends included.
        kinds: `LineKind.MSH`, `HEADLESS` or `STRAY`.
        batch: Number of its batch, 0 for none.
        batches: All batches, in order.
        files: All files (FHS … FTS) within the file, in order.
        problem: Why the file as a whole is no HL7 v2 file; then there is one record, or none.
        encoding: Of a UTF-16 or UTF-32 file: which of them.
        reasons: For each record an index into `REASONS`; empty until `reconcile` was called.
    """

    starts: Ints
    ends: Ints
    kinds: Ints
    batch: Ints
    batches: tuple[Envelope, ...] = ()
    files: tuple[Envelope, ...] = ()
    problem: str | None = None
    encoding: str | None = None
    reasons: NDArray[np.int8] = field(default_factory=_no_reasons)

    @property
    def found(self) -> int:
        """How many records there are."""
        return len(self.starts)

    @property
    def promised(self) -> int | None:
        """How many messages the batch trailers promise; None when none states a count."""
        return _sum_promised(self.batches)

    @property
    def files_promised(self) -> int | None:
        """How many batches the file trailers promise; None when none states a count."""
        return _sum_promised(self.files)


@dataclass(frozen=True)
class RecordBlock:
    """Consecutive records of a file.

    Attributes:
        first: Index of the first in its file, from 0.
        piece: The bytes that hold them.
        starts: First byte of each record in `piece`.
        ends: First byte after it, trailing line ends included.
    """

    first: int
    piece: bytes
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        """Count the records."""
        return len(self.starts)

    def record(self, index: int) -> bytes:
        """Return one record, trailing line ends removed."""
        return _trim(self.piece[self.starts[index] : self.ends[index]])

    @property
    def is_cut(self) -> Bools:
        """Which records are longer than `LONGEST`: of them only the head is in `piece`."""
        return np.asarray(self.ends - self.starts > LONGEST)

    def lengths(self) -> Ints:
        """Count the bytes of each record, trailing line ends removed."""
        data = np.frombuffer(self.piece, np.uint8)
        last = data[np.minimum(self.ends, len(data)) - 1]
        before = data[np.clip(self.ends, 2, max(len(data), 2)) - 2] if len(data) > 1 else last
        lengths = self.ends - self.starts - 1
        # Nearly every record ends with one CR after plain text. The others may end with several
        # terminators, padding or a byte order mark and are measured by cutting them one by one.
        ends_with_one_cr = (last == _ENDS[0]) & (before >= 0x20) & (before < 0x80) & (lengths > 0)
        for index in np.flatnonzero(~ends_with_one_cr).tolist():
            lengths[index] = len(self.record(index))
        return lengths

    @property
    def records(self) -> list[bytes]:
        """Return all records, trailing line ends removed."""
        return [self.record(index) for index in range(len(self))]


def scan(path: Path) -> FileLayout:
    """Find the records and envelopes of a file."""
    try:
        encoding = wide_encoding(path)
        with open_file(path) as file:
            marks = mark_lines(file)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return _layout_of_one_record(path.stat().st_size, "truncated_gzip")
    except UnfoldsTooFarError:
        return _layout_of_one_record(path.stat().st_size, "gzip_unfolds_too_far")
    positions, kinds = np.concatenate(marks.positions), np.concatenate(marks.kinds)
    if len(kinds) and not IS_HL7V2[kinds].any():
        return _layout_of_one_record(marks.size, "not_hl7v2", encoding)
    return _layout(positions, kinds, marks, encoding)


def read_blocks(path: Path, layout: FileLayout) -> Iterator[RecordBlock]:
    """Read the records back, a few megabytes at a time."""
    with _open_for(path, layout) as file:
        first = 0
        while first < layout.found:
            start = int(layout.starts[first])
            # as many records as fit into a piece, and one that is longer than a piece by itself
            last = int(np.searchsorted(layout.ends, start + PIECE, side="right"))
            last = max(last, first + 1)
            file.seek(start)
            size = int(layout.ends[last - 1]) - start
            piece = file.read(min(size, KEPT) if layout.problem or size > LONGEST else size)
            span = slice(first, last)
            yield RecordBlock(first, piece, layout.starts[span] - start, layout.ends[span] - start)
            first = last


def _open_for(path: Path, layout: FileLayout) -> BinaryIO:
    """Open a file that is no HL7 v2 file as it was delivered, any other as it is split."""
    if layout.problem is None:
        return open_file(path)
    as_delivered = layout.problem in ("truncated_gzip", "gzip_unfolds_too_far")
    return path.open("rb") if as_delivered else open_unpacked(path)


def _trim(record: bytes) -> bytes:
    record = record.rstrip(_ENDS)
    # the byte order mark of the next message, where files with marks were put one after the other
    return record[:-3].rstrip(_ENDS) if record.endswith(BOM) else record


def _sum_promised(envelopes: tuple[Envelope, ...]) -> int | None:
    counts = [each.promised for each in envelopes if each.promised is not None]
    return sum(counts) if counts else None


def _layout_of_one_record(size: int, problem: str, encoding: str | None = None) -> FileLayout:
    zero = np.zeros(1, np.int64)
    stray = zero + LineKind.STRAY
    return FileLayout(zero, zero + size, stray, zero, problem=problem, encoding=encoding)


def _layout(positions: Ints, kinds: Ints, marks: LineMarks, encoding: str | None) -> FileLayout:
    """Put the records between their envelopes.

    Args:
        positions: First byte of each line that starts a record or is an envelope.
        kinds: Its `LineKind`.
        marks: The envelope lines, and the file's size.
        encoding: Of a UTF-16 or UTF-32 file.
    """
    # a record ends where the next one or an envelope line starts
    ends = np.append(positions[1:], marks.size)[: len(positions)]
    is_record = IS_RECORD[kinds]
    # trailers count messages, also those that lost their MSH, but no log lines
    envelopes = EnvelopeScan(kinds[is_record] != LineKind.STRAY)
    records_before = np.cumsum(is_record)
    for at, line in zip(np.flatnonzero(~is_record).tolist(), marks.lines, strict=True):
        envelopes.read_line(LineKind(kinds[at]).name, line, int(records_before[at]))
    envelopes.finish(unterminated=marks.unterminated)
    batch = np.zeros(int(is_record.sum()), np.int64)
    for each in envelopes.batches:
        batch[each.first : each.last] = each.number
    return FileLayout(
        positions[is_record],
        ends[is_record],
        kinds[is_record],
        batch,
        tuple(envelopes.batches),
        tuple(envelopes.files),
        encoding=encoding,
    )
