"""How long to wait before a request is made again; pure arithmetic, no clock.

Sources: RFC 9110 section 10.2.3; the deviations are those of servers in use, epoch numbers among
them (the SMART reference server sends milliseconds, then seconds).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BACK_OFF = 2.0
EPOCH_MILLISECONDS, EPOCH_SECONDS = 1e12, 1e9
_NUMBER = re.compile(r"\s*[0-9]{1,15}(\.[0-9]{1,9})?\s*")


@dataclass(frozen=True)
class Wait:
    """What decides a pause.

    Attributes:
        retry_after: The header as sent.
        now: The server's clock if it told it, else ours.
        attempt: Failed attempts so far, for the exponential back-off.
        cap: Longest pause in seconds.
        chance: A number of [0, 1) that spreads clients.
    """

    retry_after: str | None
    now: datetime
    attempt: int
    cap: float
    chance: float


def seconds(wait: Wait) -> float:
    """Give the pause in seconds, at least 1 and at most the cap."""
    asked = asked_seconds(wait.retry_after, wait.now)
    if asked is None:
        asked = BACK_OFF * 2 ** min(wait.attempt, 30) * (0.5 + wait.chance / 2)
    return max(1.0, min(asked, wait.cap))


def asked_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Read `Retry-After`: seconds, an instant as number or date; None if it says nothing."""
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
    """Read an HTTP date; None if it is none."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if found is None:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
