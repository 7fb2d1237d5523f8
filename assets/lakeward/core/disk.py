"""Making sure that what was written is on disk; what is written belongs to the packages above."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on disk before anything goes on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
