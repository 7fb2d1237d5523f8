"""One process at a time: locks of the kernel on a file, for whatever only one process may change.

The lock ends with the process, also when that is killed, so there is never a stale one to remove.
What is protected, and what a second process is advised to do, is the caller's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lakeward.core.errors import RetryableError


@contextmanager
def locked(path: Path, otherwise: RetryableError, folder_mode: int = 0o777) -> Iterator[None]:
    """Hold a lock file for the body; the file stays, only the kernel's lock on it is given back.

    Args:
        path: The lock file; its folder is created.
        otherwise: Raised when another process, or another holder in this one, has the lock.
        folder_mode: Mode of the folder when it is created here.

    Raises:
        RetryableError: The lock is held already.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=folder_mode)
    # without a kernel's lock a marker file would outlive a killed process and stop every later run
    lock = FileLock(path, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise otherwise from None
    try:
        yield
    finally:
        lock.release()
