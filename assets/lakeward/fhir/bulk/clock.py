"""Time and chance as a value, so that tests and sensors decide how they pass."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import SystemRandom
from time import sleep


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """What an export asks for time, pauses and a number of [0, 1)."""

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = sleep
    chance: Callable[[], float] = SystemRandom().random
