"""Fetching one file of an export: the right headers, whole or not at all, checked, on disk.

How often it is tried and what its failure means for the export is decided in `steps`.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import httpx

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.core.files import flush
from lakeward.fhir.bulk.auth import Tokens
from lakeward.fhir.bulk.content import Findings, LineTooLongError, Wanted, store
from lakeward.fhir.bulk.filters import verifier
from lakeward.fhir.bulk.outcome import is_transient, issue_codes
from lakeward.fhir.bulk.pages import FileEntry
from lakeward.fhir.bulk.transport import Answer, Transport
from lakeward.fhir.bulk.unpacking import TruncatedError, unpacked
from lakeward.landing.bulk import BulkExport

MAX_REFUSAL = 1 << 16
"""Bytes of an error that are read; packed, they are a thousand times as many at most."""


class Fate(StrEnum):
    """What became of a file: only `done` is durable."""

    done = "done"
    expired = "expired"
    throttled = "throttled"
    again = "again"
    failed = "failed"


@dataclass(frozen=True)
class Fetched:
    """The result of one attempt; `problem` is a kind of error, never a text of the server."""

    key: str
    name: str
    fate: Fate
    problem: str = ""
    status: int = 0
    answer: Answer | None = None
    lines: int = 0
    bytes: int = 0
    sha256: str = ""
    older: int = 0
    unwanted: int = 0


@dataclass(frozen=True)
class Fetching:
    """What all files of a job share."""

    bulk: BulkExport
    transport: Transport
    tokens: Tokens
    folder: Path
    since: datetime | None = None


def fetch(fetching: Fetching, entry: FileEntry) -> Fetched:
    """Fetch a file; a 401 is answered once with a new token.

    Raises:
        UsageError: The file's host may not see the token, or no token can be had.
    """
    token = fetching.tokens.current() if entry.with_token else None
    fetched = _attempt(fetching, entry, token)
    if fetched.status == httpx.codes.UNAUTHORIZED and token:
        fetched = _attempt(fetching, entry, fetching.tokens.current(refused=token))
    return fetched


def _attempt(fetching: Fetching, entry: FileEntry, token: str | None) -> Fetched:
    headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip"}
    url = entry.promised.url
    try:
        with fetching.transport.open("GET", url, headers=headers, token=token) as response:
            if response.status_code != httpx.codes.OK:
                return _refused(entry, response)
            return _kept(fetching, entry, response)
    except RetryableError:
        return _problem(entry, Fate.again, "connection")
    except TruncatedError:
        return _problem(entry, Fate.again, "truncated")
    except LineTooLongError:
        return _problem(entry, Fate.failed, "line_too_long")
    except UsageError:
        raise  # sources.yaml is to be mended, the file is not to blame
    except PermanentError as error:
        return _problem(entry, Fate.failed, error.what)


def _kept(fetching: Fetching, entry: FileEntry, response: httpx.Response) -> Fetched:
    fetching.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = fetching.folder / f".{entry.name}.partial"
    pieces = unpacked(response.iter_raw(1 << 16), response.headers.get("content-encoding"))
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        found, digest = store(pieces, file, _wanted(fetching, entry))
        file.flush()
        os.fsync(file.fileno())
    problem = _mismatch(entry, found, response.num_bytes_downloaded)
    if problem:
        partial.unlink()
        return _problem(entry, Fate.again, problem)
    partial.replace(fetching.folder / entry.name)
    flush(fetching.folder)
    return Fetched(
        key=entry.key,
        name=entry.name,
        fate=Fate.done,
        status=response.status_code,
        lines=found.lines,
        bytes=found.stored_size,
        sha256=digest,
        older=found.older,
        unwanted=found.unwanted,
    )


def _wanted(fetching: Fetching, entry: FileEntry) -> Wanted:
    kind = entry.promised.kind
    judge = verifier(entry.promised.type, fetching.bulk.type_filters) if kind == "output" else None
    return Wanted(
        limit=fetching.bulk.max_line_bytes,
        count_entries=kind == "deleted",
        since=fetching.since if kind == "output" else None,
        is_unwanted=judge.is_unwanted if judge else None,
    )


def _mismatch(entry: FileEntry, found: Findings, sent: int) -> str:
    """Say what a file lacks of what was promised.

    The guide does not say whether `fileSize` is that of the file or of its transfer, nor whether a
    `count` of deletions is one of Bundles: either will do. Messages that were lost lose no data.
    """
    promised = entry.promised
    if not found.is_ndjson:
        return "not_ndjson"
    counts = {found.lines, found.entries} if promised.kind == "deleted" else {found.lines}
    counted = promised.count is not None and not entry.is_organized
    if counted and promised.kind != "outcome" and promised.count not in counts:
        return "count_mismatch"
    if promised.size is not None and promised.size not in {found.stored_size, found.size, sent}:
        return "size_mismatch"
    return "truncated" if found.is_cut_off and not counted else ""


def _refused(entry: FileEntry, response: httpx.Response) -> Fetched:
    encoding = response.headers.get("content-encoding")
    body = next(unpacked(response.iter_raw(MAX_REFUSAL), encoding), b"")
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, body)
    status, told = answer.status, answer.json()
    codes = " ".join([str(status), *issue_codes(told)])
    if status in (404, 410):
        fate = Fate.expired
    elif status in (429, 503):
        fate = Fate.throttled
    else:
        fate = Fate.again if status >= 500 or is_transient(told) else Fate.failed
    return Fetched(entry.key, entry.name, fate, codes, status, answer)


def _problem(entry: FileEntry, fate: Fate, problem: str) -> Fetched:
    return Fetched(entry.key, entry.name, fate, problem)
