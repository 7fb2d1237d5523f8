"""Files that are on disk whole or not at all, who may read them, and hashes of their content.

What stands in a file, and where it lies, is not known here: paths are in `paths`.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lakeward.core.paths import Home

FILE_MODE, FOLDER_MODE = 0o640, 0o750
"""Of all that a run writes: the account that runs writes, its group reads, others see nothing."""

_OTHERS = 0o027
"""The umask that gives these modes, also to files that libraries write."""

PARTIAL = ".partial"
"""Ending of a file that is still being written; a reader passes it over, and a kill leaves it."""

LONGEST_NAME = 255
"""Bytes of the name of a file, at most, on the file systems that matter (`NAME_MAX`)."""


def close_process() -> int:
    """Let this process, and those that it starts, write for the group alone; return the umask."""
    return os.umask(_OTHERS)


@contextmanager
def closed_to_others(home: Home) -> Iterator[None]:
    """Keep others from what a run reads and writes, whatever the umask of who starts it.

    Delta files, Dagster's database and dbt's files are written by libraries, so their mode is that
    of the process: with the usual umask of 022 everybody with a login could read records.
    """
    before = close_process()
    try:
        for folder in (home.lake, home.outbox, home.site, home.dagster, home.work):
            # a home from before: what lies in a closed folder is closed, too
            with suppress(FileNotFoundError, PermissionError):  # of another owner, who answers
                folder.chmod(FOLDER_MODE)
        yield
    finally:
        os.umask(before)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk.

    A rename is durable only after its folder is flushed: without that, a power cut after `_READY`
    left a folder with the marker and without the rows.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def shown(name: str) -> str:
    """Return a name of the file system with each byte that is no text as an escape."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def partial_of(path: Path) -> Path:
    """Return the name, in the same folder, that a file has while it is still being written."""
    name = f".{path.name}{PARTIAL}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        # a name that has its full length already: it could never be written
        name = f".{sha256_of(os.fsencode(path.name))[:32]}{PARTIAL}"
    return path.with_name(name)


def write_atomically(
    path: Path, content: bytes, *, mode: int | None = None, folder_mode: int = 0o777
) -> None:
    """Replace a file whole: after a kill or a power cut it is the old one or the new one.

    Args:
        path: The file; its folder is created.
        content: All it will hold.
        mode: Exact mode of the file, whatever the umask; None: as the umask leaves it.
        folder_mode: Mode of the folder when it is created here.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=folder_mode)
    partial = partial_of(path)
    handle = os.open(
        partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666 if mode is None else mode
    )
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(handle, mode)  # an umask of 077 would hide a worklist from its group
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    flush(path.parent)


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in lower-case hex."""
    return hashlib.sha256(content).hexdigest()
