"""What can be told of an NDJSON file while it streams by: lines, bytes, hash, and how it ends.

Only what the transfer can have broken is looked at; whether a line is a good resource belongs to
the loading, which keeps the bad ones in quarantine.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from lakeward.fhir.bulk.unpacking import BOM, gunzipped

_UPDATED = re.compile(rb'"lastUpdated"\s*:\s*"([^"]{1,40})"')


@dataclass
class Findings:
    """What was counted.

    Attributes:
        lines: Lines that are not blank.
        entries: Entries of Bundles.
        older: Lines whose lastUpdated is older than `since`.
        unwanted: Lines that match no type filter.
        size: Bytes, unpacked.
        stored_size: Bytes as written.
        first: First byte that is not blank.
        tail: What stands after the last line end.
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
        """Say whether the file ends in the middle of a resource: no line end, no whole JSON."""
        try:
            return bool(self.tail) and not isinstance(json.loads(self.tail), dict)
        except ValueError:
            return True

    @property
    def is_ndjson(self) -> bool:
        """Say whether the file begins as a JSON object, or is empty."""
        return self.first in (b"", b"{")


@dataclass(frozen=True)
class Wanted:
    """What else is to be counted.

    Attributes:
        limit: Longest line in bytes.
        count_entries: Count the entries of Bundles too.
        since: Count the lines whose lastUpdated is older.
        is_unwanted: Says of a line whether it matches no filter; these are counted.
    """

    limit: int
    count_entries: bool = False
    since: datetime | None = None
    is_unwanted: Callable[[bytes], bool] | None = None


class LineTooLongError(ValueError):
    """A line is longer than allowed."""


def store(pieces: Iterable[bytes], target: BinaryIO, wanted: Wanted) -> tuple[Findings, str]:
    """Write a file as it comes and count what is in it, unpacked if it is gzip itself.

    Returns:
        The counts, and the SHA-256 of the bytes written.

    Raises:
        LineTooLongError: A line passes the limit.
        TruncatedError: A gzip file ends before its end.
    """
    found, digest = Findings(), hashlib.sha256()

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
            _count(line, found, wanted)
        if len(rest) > wanted.limit:
            raise LineTooLongError
    _count(rest, found, wanted)
    found.tail = rest.removeprefix(BOM).strip()
    return found, digest.hexdigest()


def _split(rest: bytes, piece: bytes) -> tuple[bytes, list[bytes]]:
    if b"\n" not in piece:
        return rest + piece, []
    *complete, rest = (rest + piece).split(b"\n")
    return rest, complete


def _count(line: bytes, found: Findings, wanted: Wanted) -> None:
    if not found.lines:
        line = line.removeprefix(BOM)
    text = line.strip()
    if not text:
        return
    if len(line) > wanted.limit:
        raise LineTooLongError
    found.first = found.first or text[:1]
    found.lines += 1
    if wanted.count_entries:
        found.entries += _entries(text)
    if wanted.since and _is_older(text, wanted.since):
        found.older += 1
    if wanted.is_unwanted and wanted.is_unwanted(text):
        found.unwanted += 1


def _entries(text: bytes) -> int:
    try:
        return len(json.loads(text).get("entry", []))
    except (ValueError, AttributeError, TypeError):
        return 0


def _is_older(text: bytes, since: datetime) -> bool:
    told = _UPDATED.search(text)
    try:
        updated = datetime.fromisoformat(told[1].decode()) if told else None
    except ValueError:
        return False
    return updated is not None and updated.tzinfo is not None and updated < since
