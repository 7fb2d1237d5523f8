"""What the answer to a kick-off or a status request means; pure, nothing is sent here.

Source: HL7 Bulk Data Access STU3 and STU4 ballot, status request; the deviations are those of
servers in use. What is transient leaves the job alive, everything else ends it.
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
_PERCENT = re.compile(r"\s*(\d{1,3})\s*%")
_THROTTLED = frozenset({429, 503})
_OVERLOADED = frozenset({500, 502, 504})


class Meaning(StrEnum):
    """What a server says of a request or a job."""

    accepted = "accepted"
    running = "running"
    manifest = "manifest"
    later = "later"
    refused = "refused"
    gone = "gone"
    failed = "failed"


@dataclass(frozen=True)
class Verdict:
    """The meaning of an answer.

    Attributes:
        meaning: `later` is about the request, `failed` about the job.
        wait: Seconds until the next request, where there is one.
        manifest: The body, if it is one; with `running` a partial one.
        is_final: The manifest will not grow.
        progress: The server's words.
        expires_at: Until when files are kept.
        codes: Status and issue codes, for messages.
        is_doubtful: `later` is a guess: a server error that says nothing of itself.
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
    """The caps of a source, and what varies from request to request.

    `polls` are the status requests so far: a server that does not say when to come back is asked
    more and more rarely.
    """

    now: datetime
    attempt: int
    polls: int
    chance: float
    running_cap: float
    back_off_cap: float

    def wait(self, answer: Answer, *, running: bool) -> float:
        """Give the pause that an answer asks for, within the caps."""
        cap = self.running_cap if running else self.back_off_cap
        clock = answer.clock(self.now)
        count = self.polls if running else self.attempt
        asked = answer.headers.get("retry-after")
        return seconds(Wait(asked, clock, count, cap, self.chance))


def judge_status(answer: Answer, patience: Patience) -> Verdict:
    """Say what the answer to a status request means."""
    exported = _number(answer.headers.get("x-export-status"))
    body = answer.json()
    if answer.status == 200 and exported not in (None, 200, 202):
        # the request went well and the job did not: nothing to wait for
        return Verdict(Meaning.failed, codes=_codes(exported or 0, body))
    if answer.status in (200, 202):
        return _running(answer, body, patience, final=(exported or answer.status) == 200)
    return _error(answer, patience)


def judge_kick_off(answer: Answer, patience: Patience) -> Verdict:
    """Say what the answer to a kick-off means."""
    if 200 <= answer.status < 300 and answer.headers.get("content-location"):
        return Verdict(Meaning.accepted)
    if 200 <= answer.status < 300:
        return Verdict(Meaning.failed, codes=f"{answer.status} without Content-Location")
    return _error(answer, patience)


def percent(progress: str | None) -> int | None:
    """Read a percentage from the server's words, if they begin with one."""
    found = _PERCENT.match(progress or "")
    return min(int(found[1]), 100) if found else None


def _running(answer: Answer, body: Any, patience: Patience, *, final: bool) -> Verdict:
    manifest = body if isinstance(body, dict) and isinstance(body.get("output"), list) else None
    if final and manifest is None:
        return Verdict(Meaning.failed, codes=f"{answer.status} without a manifest")
    progress = answer.headers.get("x-progress", "")
    return Verdict(
        Meaning.manifest if manifest is not None else Meaning.running,
        wait=patience.wait(answer, running=True),
        manifest=manifest,
        is_final=final,
        progress=_printable(progress)[:PROGRESS_LENGTH] or None,
        expires_at=http_date(answer.headers.get("expires")),
    )


def _error(answer: Answer, patience: Patience) -> Verdict:
    body = answer.json()
    codes = _codes(answer.status, body)
    if answer.status == 401:
        return Verdict(Meaning.refused, codes=codes)
    doubtful = answer.status in _OVERLOADED and not issue_codes(body)
    if answer.status in _THROTTLED or doubtful or is_transient(body):
        wait = patience.wait(answer, running=False)
        return Verdict(Meaning.later, wait=wait, codes=codes, is_doubtful=doubtful)
    gone = answer.status in (404, 410)
    return Verdict(Meaning.gone if gone else Meaning.failed, codes=codes)


def _codes(status: int, body: Any) -> str:
    return " ".join([str(status), *issue_codes(body)])


def _printable(text: str) -> str:
    """Leave out what could steer a terminal: the words are the server's."""
    return "".join(char for char in text if char.isprintable())


def _number(text: str | None) -> int | None:
    found = re.match(r"\s*(\d{3})", text or "")
    return int(found[1]) if found else None
