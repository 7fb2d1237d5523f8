"""One writer of a lake at a time, whoever started it: schedule, UI or command line.

delta-rs records transactions but does not enforce them, so two runs at once could load a file
twice. The lock is the kernel's: it ends with the process, also when that is killed.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lakeward.core.errors import RetryableError
from lakeward.core.paths import Home


@contextmanager
def sole_writer(home: Home) -> Iterator[None]:
    """Hold the lake for writing.

    Raises:
        RetryableError: Another run holds it.
    """
    home.work.mkdir(parents=True, exist_ok=True)
    with (home.work / "writer.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryableError(
                str(home.root),
                "another run is writing this lake",
                "one run at a time",
                "wait until it has ended, then try again",
            ) from None
        yield
