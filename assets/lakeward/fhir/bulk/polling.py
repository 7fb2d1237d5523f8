"""What the answer to a kick-off or a status request means; pure, nothing is sent here.

    202                          running; with a body of files: a partial manifest (STU3)
    200 with a body of files     the manifest
    200, X-Export-Status: 202    running  } only if `separate-export-status` was asked for (STU3):
    200, X-Export-Status: 4xx    failed   } the status of the job apart from that of the request
    429, 503                     later, after a pause
    4xx, 5xx, transient issue    later: the request failed, the job may live (STU2)
    500, 502, 504, no issue      later, but only so often: proxies answer so, and broken servers too
    401                          unauthorized: a matter of rights, the job lives
    404, 410                     gone: the server has forgotten the job
    any other                    failed

Source: Bulk Data Access STU3 and STU4 ballot, export, "Bulk Data Status Request".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lakeward.fhir.bulk.outcome import is_transient, issue_codes
from lakeward.fhir.bulk.transport import Answer
from lakeward.fhir.bulk.waiting import Wait, http_date, seconds

PROGRESS_LENGTH = 100
"""Characters of `X-Progress`; the guide asks servers for fewer, and not all obey."""
_PERCENT = re.compile(r"\s*(\d{1,3})\s*%")
_THROTTLED = frozenset({429, 503})
_OVERLOADED = frozenset({500, 502, 504})


class Meaning(StrEnum):
    """What an answer says about the request (`later`, `unauthorized`) or the job (all others)."""

    accepted = "accepted"
    running = "running"
    manifest = "manifest"
    later = "later"
    unauthorized = "unauthorized"
    gone = "gone"
    failed = "failed"


@dataclass(frozen=True)
class Interpretation:
    """What an answer means and how to go on.

    Attributes:
        meaning: What it says.
        wait: Seconds until the next request, if there is one.
        manifest: The body, if it is a manifest; it may be a partial one, see `is_final`.
        is_final: The manifest will not grow.
        progress: The server's words, under `PROGRESS_LENGTH` characters.
        expires_at: Until when files are kept, in UTC.
        codes: Status and issue codes, for messages.
        is_doubtful: `later` is a guess, since the server's error has no issue code.
    """

    meaning: Meaning
    wait: float = 1.0
    manifest: Mapping[str, Any] | None = None
    is_final: bool = False
    progress: str | None = None
    expires_at: datetime | None = None
    codes: str = ""
    is_doubtful: bool = False


@dataclass(frozen=True)
class Patience:
    """What decides how long to wait after an answer.

    Attributes:
        now: The present, if the server does not state its own time.
        attempt: Failed attempts so far.
        polls: Status requests so far: a server that does not say when to come back is asked more
            and more rarely.
        chance: A number of [0, 1), see `waiting.Wait`.
        running_cap: Longest pause in seconds while the export runs.
        back_off_cap: Longest pause in seconds after an error.
    """

    now: datetime
    attempt: int
    polls: int
    chance: float
    running_cap: float
    back_off_cap: float

    def wait(self, answer: Answer, *, running: bool) -> float:
        """Return the pause in seconds that an answer asks for, within the caps."""
        cap = self.running_cap if running else self.back_off_cap
        clock = answer.clock(self.now)
        count = self.polls if running else self.attempt
        asked = answer.headers.get("retry-after")
        return seconds(Wait(asked, clock, count, cap, self.chance))


def interpret_status(answer: Answer, patience: Patience) -> Interpretation:
    """Read the answer to a status request."""
    exported = _number(answer.headers.get("x-export-status"))
    body = answer.json()
    if answer.status == 200 and exported not in (None, 200, 202):
        # the request went well and the job did not: nothing to wait for
        return Interpretation(Meaning.failed, codes=_codes(exported or 0, body))
    if answer.status in (200, 202):
        return _running(answer, body, patience, final=(exported or answer.status) == 200)
    return _error(answer, patience)


def interpret_kick_off(answer: Answer, patience: Patience) -> Interpretation:
    """Read the answer to a kick-off.

    Any 2xx with a `Content-Location` counts: some servers answer 200 where the guide says 202.
    """
    if 200 <= answer.status < 300 and answer.headers.get("content-location"):
        return Interpretation(Meaning.accepted)
    if 200 <= answer.status < 300:
        return Interpretation(Meaning.failed, codes=f"{answer.status} without Content-Location")
    return _error(answer, patience)


def percent(progress: str | None) -> int | None:
    """Read a percentage from 0 to 100 from the server's words; None if they begin otherwise."""
    found = _PERCENT.match(progress or "")
    return min(int(found[1]), 100) if found else None


def _running(answer: Answer, body: Any, patience: Patience, *, final: bool) -> Interpretation:
    manifest = body if isinstance(body, dict) and isinstance(body.get("output"), list) else None
    if final and manifest is None:
        return Interpretation(Meaning.failed, codes=f"{answer.status} without a manifest")
    progress = answer.headers.get("x-progress", "")
    return Interpretation(
        Meaning.manifest if manifest is not None else Meaning.running,
        wait=patience.wait(answer, running=True),
        manifest=manifest,
        is_final=final,
        progress=_printable(progress)[:PROGRESS_LENGTH] or None,
        expires_at=http_date(answer.headers.get("expires")),
    )


def _error(answer: Answer, patience: Patience) -> Interpretation:
    body = answer.json()
    codes = _codes(answer.status, body)
    if answer.status == 401:
        return Interpretation(Meaning.unauthorized, codes=codes)
    doubtful = answer.status in _OVERLOADED and not issue_codes(body)
    if answer.status in _THROTTLED or doubtful or is_transient(body):
        wait = patience.wait(answer, running=False)
        return Interpretation(Meaning.later, wait=wait, codes=codes, is_doubtful=doubtful)
    gone = answer.status in (404, 410)
    return Interpretation(Meaning.gone if gone else Meaning.failed, codes=codes)


def _codes(status: int, body: Any) -> str:
    return " ".join([str(status), *issue_codes(body)])


def _printable(text: str) -> str:
    """Remove control characters: the words are the server's, and are shown on a terminal."""
    return "".join(char for char in text if char.isprintable())


def _number(text: str | None) -> int | None:
    found = re.match(r"\s*(\d{3})", text or "")
    return int(found[1]) if found else None
