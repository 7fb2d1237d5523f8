"""A full disk, by whatever library it is seen first: named for what it is.

Files and locks are elsewhere; here only texts and numbers of errors are read.
"""

import errno
import re

from lakeward.core.errors import DiskError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
# as C, Rust and DuckDB put it; the text around it may quote a record and is never passed on
_FULL = re.compile(r"No space left on device|Disk quota exceeded|\(os error (28|122)\)")


def full_disk(error: BaseException) -> DiskError | None:
    """Return the error to report when a disk was full; None when it was something else."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DiskError):
            return seen
        number = getattr(seen, "errno", None)
        if number in _NUMBERS or full_disk_in(str(seen)):
            return _full(str(getattr(seen, "filename", None) or "disk of the home"))
        # libraries wrap the error that says so
        seen = seen.__cause__ or seen.__context__
    return None


def full_disk_in(text: str) -> DiskError | None:
    """Return the error to report when a text says that a disk was full."""
    return _full("disk of the home") if _FULL.search(text) else None


def _full(where: str) -> DiskError:
    return DiskError(
        where,
        "no space left",
        "room for the tables of one more night",
        "make room, then run the day again; what is done is not done twice",
    )
