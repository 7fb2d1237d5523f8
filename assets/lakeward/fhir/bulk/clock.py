"""Time and chance as a value, so that tests and sensors decide how they pass."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import SystemRandom
from time import sleep


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ExportClock:
    """Time in UTC, pauses in seconds, and random numbers of [0, 1) that spread requests."""

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = sleep
    chance: Callable[[], float] = SystemRandom().random
