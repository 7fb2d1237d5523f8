"""What is counted in an NDJSON file while it is written: lines, bytes, hash, and how it ends.

Only what the transfer can have broken is looked at. Whether a line is a valid resource is checked
by the loading, which quarantines those that are not.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from lakeward.core.foreign_json import read_json
from lakeward.fhir.bulk.unpacking import BOM, gunzipped

_UPDATED = re.compile(rb'"lastUpdated"\s*:\s*"([^"]{1,40})"')


@dataclass
class ContentCounts:
    """What was counted in one file.

    Attributes:
        lines: Lines that are not blank.
        entries: Entries of Bundles.
        older: Lines whose lastUpdated is older than `since`.
        unwanted: Lines that match no type filter.
        size: Bytes, unpacked.
        stored_size: Bytes as written.
        first: First byte that is not blank.
        tail: What comes after the last line end.
    """

    lines: int = 0
    entries: int = 0
    older: int = 0
    unwanted: int = 0
    size: int = 0
    stored_size: int = 0
    first: bytes = b""
    tail: bytes = field(default=b"", repr=False)

    @property
    def is_cut_off(self) -> bool:
        """Return whether the file ends within a resource: no line end, and no whole JSON object.

        A last line without its line end is legal NDJSON, so only the JSON decides.
        """
        try:
            return bool(self.tail) and not isinstance(read_json(self.tail), dict)
        except ValueError:
            return True

    @property
    def is_ndjson(self) -> bool:
        """Return whether the file begins as a JSON object, or is empty.

        A sign-in page or an XML error sent with status 200 begins otherwise.
        """
        return self.first in (b"", b"{")


@dataclass(frozen=True)
class ContentChecks:
    """What is counted and limited beside lines and bytes.

    Attributes:
        limit: Longest line in bytes.
        count_entries: Count the entries of Bundles too.
        since: Count the lines whose lastUpdated is older.
        is_unwanted: Returns whether a line matches no type filter; such lines are counted.
    """

    limit: int
    count_entries: bool = False
    since: datetime | None = None
    is_unwanted: Callable[[bytes], bool] | None = None


class LineTooLongError(ValueError):
    """A line is longer than allowed."""


def store(
    pieces: Iterable[bytes], target: BinaryIO, checks: ContentChecks
) -> tuple[ContentCounts, str]:
    """Write the bytes of a file as they come and count what is in them.

    A file that is gzip itself is written as it is, and its content is counted. Nothing is held in
    memory but one line, so a file may be larger than memory.

    Args:
        pieces: The bytes of the file, in pieces of any size.
        target: Where they are written.
        checks: Limits, and what else is counted.

    Returns:
        The counts, and the SHA-256 of the bytes written, in hexadecimal.

    Raises:
        LineTooLongError: A line passes the limit.
        TruncatedError: A gzip file ends before its end.
    """
    found, digest = ContentCounts(), hashlib.sha256()

    def written() -> Iterator[bytes]:
        for piece in pieces:
            target.write(piece)
            digest.update(piece)
            found.stored_size += len(piece)
            yield piece

    rest = b""
    for piece in gunzipped(written()):
        found.size += len(piece)
        rest, complete = _split(rest, piece)
        for line in complete:
            _count(line, found, checks)
        # before the line has ended: a body without line ends would fill the memory
        if len(rest) > checks.limit:
            raise LineTooLongError
    _count(rest, found, checks)
    # without a line end there may be a cut; what is left decides, see `is_cut_off`
    found.tail = rest.removeprefix(BOM).strip()
    return found, digest.hexdigest()


def _split(rest: bytes, piece: bytes) -> tuple[bytes, list[bytes]]:
    # only line feeds end a line: `splitlines` would also split at U+2028 within a JSON text
    if b"\n" not in piece:
        return rest + piece, []
    *complete, rest = (rest + piece).split(b"\n")
    return rest, complete


def _count(line: bytes, found: ContentCounts, checks: ContentChecks) -> None:
    # some servers begin each file with a byte order mark, which JSON does not allow
    if not found.lines:
        line = line.removeprefix(BOM)
    text = line.strip()
    if not text:
        return
    if len(line) > checks.limit:
        raise LineTooLongError
    found.first = found.first or text[:1]
    found.lines += 1
    if checks.count_entries:
        found.entries += _entries(text)
    if checks.since and _is_older(text, checks.since):
        found.older += 1
    if checks.is_unwanted and checks.is_unwanted(text):
        found.unwanted += 1


def _entries(text: bytes) -> int:
    try:
        return len(read_json(text).get("entry", []))
    except (ValueError, AttributeError, TypeError):
        return 0


def _is_older(text: bytes, since: datetime) -> bool:
    # the first match, without parsing the line: `meta` is near the start of a resource, and the
    # number is a warning, not a filter
    found = _UPDATED.search(text)
    try:
        updated = datetime.fromisoformat(found[1].decode()) if found else None
    except ValueError:
        return False
    return updated is not None and updated.tzinfo is not None and updated < since
