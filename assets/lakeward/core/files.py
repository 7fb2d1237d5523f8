"""Files that are on disk whole or not at all, and hashes of their content.

What stands in a file, and where it lies, is not known here: paths are in `paths`.
"""

import hashlib
import os
from pathlib import Path

PARTIAL = ".partial"
"""Ending of a file that is still being written; a reader passes it over, and a kill leaves it."""


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


def partial_of(path: Path) -> Path:
    """Return the name, in the same folder, that a file has while it is still being written."""
    return path.with_name(f".{path.name}{PARTIAL}")


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
