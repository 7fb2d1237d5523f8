"""How long to wait before a request is sent again; pure arithmetic, no clock.

`Retry-After` is a number of seconds or an HTTP date (RFC 9110 section 10.2.3). Seen beside that:
epoch milliseconds, then epoch seconds (SMART reference server), five hours (Oracle), two hours
(eClinicalWorks). So numbers are distinguished by their size, and every pause has a cap.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BACK_OFF = 2.0
"""Seconds of the first pause, if the server does not say; each further one is twice as long."""
EPOCH_MILLISECONDS, EPOCH_SECONDS = 1e12, 1e9
"""From these sizes on a number is an instant (2001 and later); as a pause it is over 30 years."""
_NUMBER = re.compile(r"\s*[0-9]{1,15}(\.[0-9]{1,9})?\s*")


@dataclass(frozen=True)
class Wait:
    """What decides a pause.

    Attributes:
        retry_after: The header as sent, None if there was none.
        now: The server's time if it states one, else ours, in UTC.
        attempt: Failed attempts so far, for the exponential back-off.
        cap: Longest pause in seconds.
        chance: A number of [0, 1): pauses differ, so that clients do not come back all at once.
    """

    retry_after: str | None
    now: datetime
    attempt: int
    cap: float
    chance: float


def seconds(wait: Wait) -> float:
    """Return the pause in seconds, at least 1 and at most the cap."""
    asked = asked_seconds(wait.retry_after, wait.now)
    if asked is None:
        asked = BACK_OFF * 2 ** min(wait.attempt, 30) * (0.5 + wait.chance / 2)
    return max(1.0, min(asked, wait.cap))


def asked_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Read `Retry-After` as a pause in seconds from `now`; None if it cannot be read."""
    if retry_after is None:
        return None
    if _NUMBER.fullmatch(retry_after):
        value = float(retry_after)
        if value >= EPOCH_MILLISECONDS:
            return value / 1000 - now.timestamp()
        return value - now.timestamp() if value >= EPOCH_SECONDS else value
    instant = http_date(retry_after)
    return (instant - now).total_seconds() if instant else None


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date; None if the text is something else."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if found is None:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
