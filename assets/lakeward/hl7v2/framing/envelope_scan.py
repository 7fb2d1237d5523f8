"""Walks over the envelope lines of a file: which record stands in which batch, and what holds.

Grammar: `[FHS] { [BHS] { record } [BTS] } [FTS]`, every wrapper optional, each fault survived.
Knows counts and order only, no policy: what follows from a broken promise is `reconcile`.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lakeward.hl7v2.framing.envelope import LONGEST, Envelope, Header, read_count, read_header


@dataclass
class _Open:
    """An envelope that is not closed yet."""

    first: int
    header: Header | None = None
    warnings: tuple[str, ...] = ()
    batches: int = 0


@dataclass
class Tally:
    """Takes in the envelope lines in order; `batches` and `files` are what it found.

    Attributes:
        counted: For each record of the file whether a trailer would count it.
    """

    counted: NDArray[np.bool_]
    batches: list[Envelope] = field(default_factory=list)
    files: list[Envelope] = field(default_factory=list)
    _file: _Open = field(default_factory=lambda: _Open(0))
    _batch: _Open | None = None
    _from: int = 0

    def __post_init__(self) -> None:
        """Sum up once, so that many small batches cost no more than one."""
        self._sums = np.concatenate([[0], np.cumsum(self.counted)])

    def line(self, kind: str, line: bytes, record: int) -> None:
        """Take in an envelope line that stands before record number `record`."""
        if kind in ("BHS", "FHS"):
            header = read_header(line)
            long = ("header_too_long",) * (len(line) >= LONGEST)
            repeated = kind == "BHS" and self._batch is not None and self._batch.first == record
            if not repeated:
                self._end_batch(record)
            if kind == "FHS":
                self._end_file(record)
                self._file = _Open(record, header, long)
            else:
                warnings = ("repeated_header",) * repeated
                self._batch = _Open(record, self._inherit(header), warnings + long)
        elif kind == "BTS":
            self._batch = self._batch or _Open(self._from, None, ("no_header",))
            self._close_batch(record, *read_count(line))
        else:
            self._end_batch(record)
            self._close_file(record, *read_count(line))
        self._from = record

    def finish(self, *, unterminated: bool) -> None:
        """Close what is still open; `unterminated` says that the file ends within a segment."""
        end = len(self.counted)
        warning = ("truncated",) if unterminated else ()
        loose = self._batch is None and self._from < end
        self._end_batch(end, warning)
        self._end_file(end, warning if loose else ())

    def _inherit(self, header: Header) -> Header:
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
        if self._batch is not None:
            self._batch.warnings += ("no_trailer", *warnings)
            self._close_batch(record, None, odd=False)

    def _close_batch(self, record: int, promised: int | None, odd: bool) -> None:  # noqa: FBT001
        batch = self._batch or _Open(record)
        found = self._found(batch.first, record)
        number = len(self.batches) + 1
        self.batches.append(_closed("batch", number, batch, promised, found, record, odd=odd))
        self._file.batches += 1
        self._batch = None

    def _end_file(self, record: int, warnings: tuple[str, ...] = ()) -> None:
        if self._file.header is not None:
            self._file.warnings += ("no_trailer", *warnings)
            self._close_file(record, None, odd=False)

    def _close_file(self, record: int, promised: int | None, odd: bool) -> None:  # noqa: FBT001
        if self._file.header is None:
            self._file.warnings += ("no_header",)
        loose = int(self._found(self._file.first, record) > 0)  # FHS MSH… FTS counts as one batch
        found = self._file.batches or loose
        number = len(self.files) + 1
        file = _closed("file", number, self._file, promised, found, record, odd=odd)
        self.files.append(file)
        for index in range(len(self.batches) - self._file.batches, len(self.batches)):
            self.batches[index] = replace(self.batches[index], file=file.number)
        self._file = _Open(record)

    def _found(self, first: int, last: int) -> int:
        return int(self._sums[last] - self._sums[first])


def _closed(
    kind: str, number: int, opened: _Open, promised: int | None, found: int, last: int, *, odd: bool
) -> Envelope:
    warnings = opened.warnings
    if odd:
        warnings += ("count_not_a_number",)
    if promised is not None and promised != found:
        warnings += ("count_mismatch",)
    header = opened.header
    return Envelope(kind, number, promised, found, number * (kind == "file"), opened.first, last,
                    header, warnings)  # fmt: skip
