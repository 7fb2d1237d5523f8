"""The files of a delivered folder: which are read, and why each of the others is not.

    adt.hl7              read
    part/adt.hl7         read
    .snapshot/adt.hl7    hidden: of a file server, a transfer tool or an editor, passed over
    latest -> adt.hl7    a link: named, not read
    pipe, socket         no file: named, not read

Nothing here opens a file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lakeward.landing.packed_files import is_nameable

MISNAMED = "name is not UTF-8"
LINK = "is a link"
NO_FILE = "is neither file nor folder"


@dataclass(frozen=True)
class FolderFiles:
    """The files below a folder, in order of name, and why others are not among them."""

    files: tuple[Path, ...]
    not_read: Mapping[Path, str]


def files_below(folder: Path) -> FolderFiles:
    """List the files below a folder.

    A name that begins with a dot is hidden, with all that is below it: file servers keep old copies
    in `.snapshot/`, and transfer tools half a file in `.~tmp~/`. They were loaded once, as if they
    had been delivered.

    Raises:
        OSError: A folder cannot be read, or lies deeper than the system can name. What is in it
            would be missing without a word, as `Path.rglob` leaves it out.
    """
    files: list[Path] = []
    not_read: dict[Path, str] = {}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = Path(entry.path)
                if why := _why_not(entry):
                    not_read[path] = why
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    files.append(path)
    return FolderFiles(tuple(sorted(files)), dict(sorted(not_read.items())))


def _why_not(entry: os.DirEntry[str]) -> str:
    """Return why an entry is not read; empty for one that is."""
    if not is_nameable(Path(entry.path)):
        return MISNAMED
    # a file outside landing, of another source or of another patient's system, would be loaded
    # under this source's name; it can change after it was read, too
    if entry.is_symlink():
        return LINK
    if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
        return NO_FILE
    return ""
