"""Explains to a person why an HL7 v2 record is rejected: segments, bytes and counts by position.

For one record at a time, on demand; the decision itself is made in `raw.messages`. Nothing here
says what a message holds: names of segments and separators are the sender's syntax, not a patient's
data.
"""

import re
from pathlib import Path

from lakeward.hl7v2.framing.batch import scan
from lakeward.hl7v2.framing.charsets import Charset, choose_charset
from lakeward.hl7v2.framing.line_marks import BOM
from lakeward.landing.sources import Source

_BREAK = re.compile(rb"[\r\n]+")
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}")
_SEPARATOR_NAMES = ("field", "component", "repetition", "escape", "subcomponent")
_TRIED_BY_DEFAULT = (Charset("utf-8", "utf8"), Charset("cp1252", "cp1252"))
_MOST_FINDINGS = 20
"""A record that is no HL7 at all has a finding for every line; the first ones say enough."""


def explain(content: bytes, source: Source, path: Path, position: int) -> list[str]:
    """Describe what is wrong with a record, one line a finding.

    Args:
        content: The record's bytes as delivered, or their beginning.
        source: The interface, with its character set and policy.
        path: The landed file; the counts that it promises are reported while it is there.
        position: Number of the record in the file, from 1.
    """
    lines = [line for line in _BREAK.split(content.removeprefix(BOM)) if line.strip()]
    return [
        *_segments(lines),
        *(_header(lines[0], source) if lines and lines[0].startswith(b"MSH") else []),
        *_encoding(content, lines, source),
        *(_counts(path, position) if path.is_file() else ["file: is no longer in landing"]),
    ]


def _segments(lines: list[bytes]) -> list[str]:
    if not lines:
        return ["record: is empty"]
    found = [] if lines[0].startswith(b"MSH") else ["segment 1: is not MSH, so there is no header"]
    # a record that lost its MSH is read with the usual separator
    separator = lines[0][3:4] if lines[0].startswith(b"MSH") else b"|"
    for number, line in enumerate(lines, start=1):
        if not _SEGMENT.match(line) or line[3:4] not in (separator, b""):
            found.append(f"segment {number}: does not begin with a segment name and MSH-1")
    return found[:_MOST_FINDINGS]


def _header(header: bytes, source: Source) -> list[str]:
    found = _separators(header)
    if not _field(header, 9).strip():
        found.append("MSH-9: is empty, so the message has no type")
    accepted = (
        ("MSH-3 and MSH-4", source.accepted_senders, "accepted_senders"),
        ("MSH-11", source.accepted_processing_ids, "accepted_processing_ids"),
    )
    return found + [
        f"{fields}: the interface takes {len(codes)} only, see its {name} in sources.yaml"
        for fields, codes, name in accepted
        if codes
    ]


def _separators(header: bytes) -> list[str]:
    """List the separators that a header declares; of those that are text, the byte only."""
    field, encoding = header[3:4], header[4:].split(header[3:4], 1)[0] if header[3:4] else b""
    found = []
    if not field or field.isalnum() or field.isspace():
        found.append("MSH-1: is no usable field separator")
    if not encoding:
        found.append("MSH-2: is empty")
    elif len(encoding) > 5 or encoding.isalnum() or len(set(encoding)) < len(encoding):
        found.append(f"MSH-2: is no list of separators ({len(encoding)} bytes)")
    else:
        named = zip(
            _SEPARATOR_NAMES, [field, *(encoding[i : i + 1] for i in range(4))], strict=True
        )
        shown = (f"{name} {_shown(mark)}" for name, mark in named)
        found.append(f"separators: {', '.join(shown)}")
    return found


def _shown(mark: bytes) -> str:
    if not mark:
        return "none"
    # a letter here is no separator, but part of a value that slipped into MSH-1 or MSH-2
    printable = mark.isascii() and mark.decode("ascii").isprintable() and not mark.isalnum()
    return mark.decode("ascii") if printable else f"byte {mark[0]:#04x}"


def _encoding(content: bytes, lines: list[bytes], source: Source) -> list[str]:
    declared = _field(lines[0], 18) if lines else b""
    stated = choose_charset(source.charset, declared.decode("latin-1"))
    found = []
    if declared and choose_charset(None, declared.decode("latin-1")) is None:
        found.append("MSH-18: names no known character set")
    # without a stated set, those that loading tries, in the same order
    for charset in (stated,) if stated else _TRIED_BY_DEFAULT:
        try:
            content.decode(charset.codec)
        except UnicodeDecodeError as error:
            found.append(
                f"character set {charset.codec} (from {charset.origin}): does not decode from byte"
                f" {error.start} of the record on"
            )
        else:
            return [*found, f"character set {charset.codec} (from {charset.origin}): decodes"]
    return found


def _field(header: bytes, number: int) -> bytes:
    fields = header.split(header[3:4], number) if len(header) > 3 else []
    return fields[number - 1] if len(fields) >= number else b""


def _counts(path: Path, position: int) -> list[str]:
    """Compare what trailers promise with what was found: of the record's batch, and of the file."""
    layout = scan(path)
    if layout.problem or position > layout.found:
        return [f"file: {layout.problem or 'holds fewer records now'}"]
    number = int(layout.batch[position - 1])
    found = [
        f"batch {b.number}: {b.promised} messages promised, {b.found} found"
        for b in layout.batches
        if b.number == number and b.promised is not None
    ]
    if layout.files_promised is not None:
        batches = len(layout.batches)
        found.append(f"file: {layout.files_promised} batches promised, {batches} found")
    return found
