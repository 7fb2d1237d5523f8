"""One writer of a lake at a time, whoever started it: schedule, UI or command line.

delta-rs records transactions but does not enforce them, so two runs at once could load a file
twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lakeward.core.errors import RetryableError
from lakeward.core.files import closed_to_others
from lakeward.core.locks import locked
from lakeward.core.paths import Home


@contextmanager
def sole_writer(home: Home) -> Iterator[None]:
    """Hold the lake for writing; what is written meanwhile is closed to others.

    Raises:
        RetryableError: Another run holds it.
    """
    busy = RetryableError(
        str(home.root),
        "another run is writing this lake",
        "one run at a time",
        "wait until it has ended, then try again",
    )
    with closed_to_others(home), locked(home.work / "writer.lock", busy):
        yield
