"""Walks over the envelope lines of a file: which record stands in which batch, and what was found.

Grammar: `[FHS] { [BHS] { record } [BTS] } [FTS]`, every wrapper optional, each fault survived.
Knows counts and order only, no policy: what follows from a broken promise is up to `reconcile`.

Source: HL7 v2.5.1 chapter 2, section 2.10.3 (batch protocol).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from lakeward.hl7v2.arrays import Bools
from lakeward.hl7v2.framing.envelope import LONGEST, Envelope, Header, read_count, read_header


@dataclass
class _OpenEnvelope:
    """An envelope that is not closed yet."""

    first: int
    header: Header | None = None
    warnings: tuple[str, ...] = ()
    batches: int = 0


@dataclass
class EnvelopeScan:
    """Takes in the envelope lines in order; `batches` and `files` are the envelopes closed so far.

    At most one batch and one file are open at a time: the standard nests no batch in a batch, so a
    header that comes too early closes what is open, with a warning.

    Attributes:
        is_counted: For each record of the file whether a trailer would count it.
        batches: Closed batches, in order.
        files: Closed files, in order.
        _file: The file that is open; before any FHS one without header, that holds all batches.
        _batch: The batch that is open.
        _since: Index of the first record after the last envelope line.
    """

    is_counted: Bools
    batches: list[Envelope] = field(default_factory=list)
    files: list[Envelope] = field(default_factory=list)
    _file: _OpenEnvelope = field(default_factory=lambda: _OpenEnvelope(0))
    _batch: _OpenEnvelope | None = None
    _since: int = 0

    def __post_init__(self) -> None:
        """Sum up once, so that many small batches cost no more than one."""
        self._sums = np.concatenate([[0], np.cumsum(self.is_counted)])

    def read_line(self, segment: str, line: bytes, record: int) -> None:
        """Take in an envelope line.

        Args:
            segment: FHS, BHS, BTS or FTS.
            line: Its bytes.
            record: Index of the record that it stands before.
        """
        if segment in ("BHS", "FHS"):
            self._open(segment, line, record)
        elif segment == "BTS":
            # without a header, the batch holds what stands since the last envelope line
            self._batch = self._batch or _OpenEnvelope(self._since, None, ("no_header",))
            self._close_batch(record, *read_count(line))
        else:
            self._end_batch(record)
            self._close_file(record, *read_count(line))
        self._since = record

    def finish(self, *, unterminated: bool) -> None:
        """Close what is still open.

        Args:
            unterminated: The file ends within a segment; a transfer may have broken off there.
        """
        end = len(self.is_counted)
        warning = ("truncated",) if unterminated else ()
        ends_outside_a_batch = self._batch is None and self._since < end
        self._end_batch(end, warning)
        self._end_file(end, warning if ends_outside_a_batch else ())

    def _open(self, segment: str, line: bytes, record: int) -> None:
        header = read_header(line)
        long = ("header_too_long",) * (len(line) >= LONGEST)
        # A second BHS before any record is the same header sent twice, not an empty batch.
        repeated = segment == "BHS" and self._batch is not None and self._batch.first == record
        if not repeated:
            self._end_batch(record)
        if segment == "FHS":
            self._end_file(record)
            self._file = _OpenEnvelope(record, header, long)
        else:
            warnings = ("repeated_header",) * repeated
            self._batch = _OpenEnvelope(record, self._inherit_sender(header), warnings + long)

    def _inherit_sender(self, header: Header) -> Header:
        """Let a batch that names no sender have that of its file."""
        outer = self._file.header
        if header.sending_application or header.sending_facility or outer is None:
            return header
        return replace(
            header,
            sending_application=outer.sending_application,
            sending_facility=outer.sending_facility,
        )

    def _end_batch(self, record: int, warnings: tuple[str, ...] = ()) -> None:
        """Close an open batch that has no trailer."""
        if self._batch is not None:
            self._batch.warnings += ("no_trailer", *warnings)
            self._close_batch(record, None, is_no_number=False)

    def _close_batch(self, record: int, promised: int | None, is_no_number: bool) -> None:  # noqa: FBT001  as read_count returns it
        batch = self._batch or _OpenEnvelope(record)
        found = self._count(batch.first, record)
        number = len(self.batches) + 1
        self.batches.append(
            _closed("batch", number, batch, promised, found, record, is_no_number=is_no_number)
        )
        self._file.batches += 1
        self._batch = None

    def _end_file(self, record: int, warnings: tuple[str, ...] = ()) -> None:
        """Close an open file that has no trailer."""
        if self._file.header is not None:
            self._file.warnings += ("no_trailer", *warnings)
            self._close_file(record, None, is_no_number=False)

    def _close_file(self, record: int, promised: int | None, is_no_number: bool) -> None:  # noqa: FBT001  as read_count returns it
        if self._file.header is None:
            self._file.warnings += ("no_header",)
        # Senders that write no BHS still promise 1 in FTS-1: FHS MSH… FTS counts as one batch.
        unwrapped = int(self._count(self._file.first, record) > 0)
        found = self._file.batches or unwrapped
        number = len(self.files) + 1
        file = _closed(
            "file", number, self._file, promised, found, record, is_no_number=is_no_number
        )
        self.files.append(file)
        for index in range(len(self.batches) - self._file.batches, len(self.batches)):
            self.batches[index] = replace(self.batches[index], file=file.number)
        self._file = _OpenEnvelope(record)

    def _count(self, first: int, last: int) -> int:
        """Count the records of a span that a trailer would count."""
        return int(self._sums[last] - self._sums[first])


def _closed(
    kind: str,
    number: int,
    opened: _OpenEnvelope,
    promised: int | None,
    found: int,
    last: int,
    *,
    is_no_number: bool,
) -> Envelope:
    """Build an envelope; `is_no_number`: the trailer has a count that is no number."""
    warnings = opened.warnings
    if is_no_number:
        warnings += ("count_not_a_number",)
    if promised is not None and promised != found:
        warnings += ("count_mismatch",)
    file = number if kind == "file" else 0
    return Envelope(
        kind, number, promised, found, file, opened.first, last, opened.header, warnings
    )
