"""Fetching one file of an export: whole or not at all, checked against the manifest, on disk.

How often it is tried, and what its failure means for the export, is decided in `fetching`.

Source: Bulk Data Access STU3, export, "Bulk Data Output File Request": `Accept`, gzip, and that the
token is sent only if the manifest says `requiresAccessToken`.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import httpx

from lakeward.core.errors import PermanentError, RetryableError, UsageError
from lakeward.core.files import flush, partial_of
from lakeward.fhir.bulk.auth import AccessTokens
from lakeward.fhir.bulk.content import ContentChecks, ContentCounts, LineTooLongError, store
from lakeward.fhir.bulk.filters import verifier
from lakeward.fhir.bulk.outcome import is_transient, issue_codes
from lakeward.fhir.bulk.pages import FileEntry
from lakeward.fhir.bulk.transport import Answer, Transport
from lakeward.fhir.bulk.unpacking import TruncatedError, unpacked
from lakeward.landing.bulk import BulkExport

MAX_ERROR_BYTES = 1 << 16
"""Bytes of an error that are read, before they are unpacked: gzip grows a thousandfold at most."""


class Fate(StrEnum):
    """The outcome of one attempt at a file; only `done` is durable.

    `again` may be better at the next attempt, `expired` needs a new URL from the manifest,
    `throttled` needs a pause, `failed` stays as it is.
    """

    done = "done"
    expired = "expired"
    throttled = "throttled"
    again = "again"
    failed = "failed"


@dataclass(frozen=True)
class Fetched:
    """The result of one attempt at a file.

    Attributes:
        key: Position of the file in the manifest, see `pages`.
        name: Its name in the delivery.
        fate: The outcome.
        problem: Kind of error in our words and codes, never a text of the server.
        status: HTTP status; 0 when there was no answer.
        answer: The answer, if it was an error: its headers say how long to wait.
        lines: Lines that are not blank.
        bytes: Bytes on disk.
        sha256: Hash of these bytes, in hexadecimal.
        older: Lines older than `_since`.
        unwanted: Lines that match no type filter.
    """

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
    tokens: AccessTokens
    folder: Path
    since: datetime | None = None


def fetch(fetching: Fetching, entry: FileEntry) -> Fetched:
    """Fetch a file, once more with a new token after a 401.

    May be repeated: the file is written beside its name first and renamed when it is whole.

    Raises:
        UsageError: The file's host may not see the token, or no token is granted.
    """
    token = fetching.tokens.current() if entry.with_token else None
    fetched = _attempt(fetching, entry, token)
    if fetched.status == httpx.codes.UNAUTHORIZED and token:
        fetched = _attempt(fetching, entry, fetching.tokens.current(rejected=token))
    return fetched


def _attempt(fetching: Fetching, entry: FileEntry, token: str | None) -> Fetched:
    headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip"}
    url = entry.promised.url
    try:
        with fetching.transport.open("GET", url, headers=headers, token=token) as response:
            if response.status_code != httpx.codes.OK:
                return _error_of(entry, response)
            return _kept(fetching, entry, response)
    except RetryableError:
        return _problem(entry, Fate.again, "connection")
    except TruncatedError:
        return _problem(entry, Fate.again, "truncated")
    except LineTooLongError:
        return _problem(entry, Fate.failed, "line_too_long")
    except UsageError:
        raise  # sources.yaml must be corrected; the file is not at fault
    except PermanentError as error:
        return _problem(entry, Fate.failed, error.what)


def _kept(fetching: Fetching, entry: FileEntry, response: httpx.Response) -> Fetched:
    fetching.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = partial_of(fetching.folder / entry.name)
    pieces = unpacked(response.iter_raw(1 << 16), response.headers.get("content-encoding"))
    # 0600 from the first byte on: a file that is made readable only later was readable before
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        found, digest = store(pieces, file, _checks(fetching, entry))
        file.flush()
        os.fsync(file.fileno())
    problem = _mismatch(entry, found, response.num_bytes_downloaded)
    if problem:
        partial.unlink()
        return _problem(entry, Fate.again, problem)
    # the name appears only now that the content is on disk; the folder is flushed because a rename
    # is a change of the folder
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


def _checks(fetching: Fetching, entry: FileEntry) -> ContentChecks:
    # deletions are Bundles and outcomes are messages: `_since` and filters are not about them
    kind = entry.promised.kind
    filters = fetching.bulk.type_filters
    filter_check = verifier(entry.promised.type, filters) if kind == "output" else None
    return ContentChecks(
        limit=fetching.bulk.max_line_bytes,
        count_entries=kind == "deleted",
        since=fetching.since if kind == "output" else None,
        is_unwanted=filter_check.is_unwanted if filter_check else None,
    )


def _mismatch(entry: FileEntry, found: ContentCounts, sent: int) -> str:
    """Return what a file lacks of what the manifest promised, nothing if it is whole.

    The guide (STU4 ballot, manifest) does not say whether `fileSize` is that of the file or of its
    transfer, nor whether a `count` of deletions counts Bundles or their entries: either is
    accepted. The count of an outcome file is not checked: messages that were lost lose no data.
    In a file organized by patient (`outputOrganizedBy`) header lines make the count ambiguous.
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
    # with a count that is right, what follows the last line is not a resource
    return "truncated" if found.is_cut_off and not counted else ""


def _error_of(entry: FileEntry, response: httpx.Response) -> Fetched:
    encoding = response.headers.get("content-encoding")
    body = next(unpacked(response.iter_raw(MAX_ERROR_BYTES), encoding), b"")
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, body)
    status, body_json = answer.status, answer.json()
    codes = " ".join([str(status), *issue_codes(body_json)])
    # files live 60 minutes at the SMART reference server, 2 hours at HAPI, 30 days at Oracle; the
    # status request gives new URLs as long as the job is known (STU3: "refreshing expired URLs")
    if status in (404, 410):
        fate = Fate.expired
    elif status in (429, 503):
        fate = Fate.throttled
    else:
        fate = Fate.again if status >= 500 or is_transient(body_json) else Fate.failed
    return Fetched(entry.key, entry.name, fate, codes, status, answer)


def _problem(entry: FileEntry, fate: Fate, problem: str) -> Fetched:
    return Fetched(entry.key, entry.name, fate, problem)
