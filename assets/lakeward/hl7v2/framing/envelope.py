"""Reads the segments that wrap messages: FHS, BHS, BTS and FTS.

One line in, its fields out. Which messages an envelope wraps is found in `envelope_scan`.

Source: HL7 v2.5.1 chapter 2, sections 2.10.3 (batch protocol) and 2.15.2, 2.15.3, 2.15.6, 2.15.7
(segments BHS, BTS, FHS, FTS).
"""

import re
from dataclasses import dataclass, field

LONGEST = 4096
"""How much of an envelope line is read, in bytes."""

_COUNT = re.compile(rb"\+?0*(\d{1,15})(?:\.0*)?")
"""A count as senders write it: `3`, `003`, `+3`, `3.0`. Up to 15 digits: it must fit a BIGINT."""
_COUNTER = re.compile(r"(.*?)(\d{1,15})")
_LARGEST_GAP = 1000
"""A jump over more numbers is taken for a counter that starts again, not for lost files."""
_DIGITS_OF_A_DATE = 8


@dataclass(frozen=True)
class Header:
    """Fields of FHS or BHS by their HL7 numbers; an empty one is None."""

    sending_application: str | None = None
    sending_facility: str | None = None
    receiving_application: str | None = None
    receiving_facility: str | None = None
    created_text: str | None = None
    name: str | None = None
    control_id: str | None = None
    reference_control_id: str | None = None


@dataclass(frozen=True)
class Envelope:
    """One batch, or one file within a delivered file (FHS … FTS).

    Attributes:
        kind: `file` or `batch`.
        number: Number within its kind, from 1.
        promised: Count of the trailer: messages of a batch, batches of a file; None: no count.
        found: What was found.
        file: Number of the file that a batch stands in, 0 for none.
        first: Index of its first record.
        last: Index after its last record.
        header: Its header; None when it has none.
        warnings: Codes of what is not as it should be, see `WARNINGS`.
    """

    kind: str
    number: int
    promised: int | None
    found: int
    file: int = field(default=0, compare=False)
    first: int = field(default=0, compare=False)
    last: int = field(default=0, compare=False)
    header: Header | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def keeps_promise(self) -> bool:
        """Whether as many were found as promised, or no count was stated."""
        return self.promised is None or self.promised == self.found

    @property
    def key(self) -> tuple[str, str, str, str] | None:
        """Kind, sending application and facility, control id; None without a control id."""
        if self.header is None or self.header.control_id is None:
            return None
        header = self.header
        sender = header.sending_application or "", header.sending_facility or ""
        return self.kind, *sender, self.header.control_id


WARNINGS = {
    "no_header": "a trailer without header",
    "no_trailer": "a header without trailer",
    "repeated_header": "a header directly after a header",
    "header_too_long": "what stands after its first 4 KiB is not read, maybe the control id",
    "count_not_a_number": "the trailer's count is no number and promises nothing",
    "count_mismatch": "the trailer promises another count",
    "truncated": "it ends in the middle of a segment",
    "partly_quarantined": "some of its messages are rejected for a batch or for its end",
    "control_id_reuse": "an accepted one of this sender has its control id and other content",
    "sequence_gap": "the counter in its control id skips numbers",
}
"""Codes of what can be wrong with an envelope."""


def read_header(line: bytes) -> Header:
    """Read FHS or BHS.

    Bytes that are no UTF-8 are read as Latin-1: a header names no character set, and in Latin-1 two
    control ids that differ in any byte stay different.
    """
    fields = _decode(line).split(line[3:4].decode("latin-1"))
    component = fields[1][:1] if len(fields) > 1 else ""

    def value(number: int, *, whole: bool = False) -> str | None:
        # field 1 is the separator itself, so field 2 is at index 1
        text = fields[number - 1] if len(fields) >= number else ""
        if component and not whole:
            text = text.split(component)[0]
        text = text.strip()
        return None if text in ("", '""') else text

    return Header(
        sending_application=value(3),
        sending_facility=value(4),
        receiving_application=value(5),
        receiving_facility=value(6),
        created_text=value(7),
        name=value(9),
        # Control ids are opaque: a sender may count behind its component separator.
        control_id=value(11, whole=True),
        reference_control_id=value(12, whole=True),
    )


def read_count(line: bytes) -> tuple[int | None, bool]:
    """Read BTS-1 or FTS-1, leniently; return the count, and whether it is there but no number."""
    text = line[4:].split(line[3:4])[0] if len(line) > 4 else b""
    text = text.split(b"^")[0].strip().strip(b'"')
    match = _COUNT.fullmatch(text)
    return (int(match[1]), False) if match else (None, bool(text))


def count_skipped(before: str, now: str) -> int:
    """Count the numbers that a counter skipped from one control id to the next.

    A counter is the digits at the end, after the same text. Dates are none, nor are jumps over
    1,000: both are how senders make ids that do not count.
    """
    numbers = _numbers(before, now)
    if numbers is None:
        return 0
    skipped = numbers[1] - numbers[0] - 1
    return skipped if 0 < skipped <= _LARGEST_GAP else 0


def later_control_id(before: str | None, now: str) -> str:
    """Return the control id that is further on.

    A file that is late, or sent once more, must not set the counter back: the next file would then
    be reported as following a gap.
    """
    numbers = _numbers(before, now) if before is not None else None
    is_late = numbers is not None and 0 < numbers[0] - numbers[1] <= _LARGEST_GAP
    return before if is_late and before is not None else now


def _numbers(before: str, now: str) -> tuple[int, int] | None:
    """Read the counters of two control ids; None when they do not count the same."""
    earlier, later = _COUNTER.fullmatch(before), _COUNTER.fullmatch(now)
    if not earlier or not later or earlier[1] != later[1]:
        return None
    if len(later[2]) >= _DIGITS_OF_A_DATE and later[2].startswith(("19", "20")):
        return None
    return int(earlier[2]), int(later[2])


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
