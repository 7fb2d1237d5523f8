"""One day's folder of one consumer: what was exported, and how a revision gets there.

Every file is written under a temporary name, flushed and renamed; `_READY` comes last. A kill at
any point leaves either the earlier revision ready or none, and the next run arrives at the folder
of an undisturbed run. What the files say is decided in `export`.

    <consumer>/<day>/
        <facility>_<worklist>_<YYYYMMDD>_r01.csv .json     one file a format and revision
        manifest.json  SHA256SUMS  _READY                  of the newest revision
        _BLOCKED.json                                      instead of all these, when held
        .delivered.json                                    the last exported list, to compare with

`.delivered.json` is ours: consumers may take files away, and the next revision still knows what
they got.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeward.core.files import PARTIAL, flush, sha256_of, write_atomically
from lakeward.worklists.output_formats import data_suffixes, kept_format
from lakeward.worklists.rows import Row

READY, BLOCKED, MANIFEST, SUMS = "_READY", "_BLOCKED.json", "manifest.json", "SHA256SUMS"
DELIVERED = ".delivered.json"


@dataclass(frozen=True)
class Folder:
    """A consumer's folder of one day; `stem` begins the names of its data files."""

    path: Path
    stem: str

    def name(self, revision: int, suffix: str) -> str:
        """Name a data file of a revision; no name holds PHI."""
        return f"{self.stem}_r{revision:02}.{suffix}"

    def data_files(self) -> list[Path]:
        """List the data files of all revisions, of formats no longer chosen too."""
        return sorted(p for p in self.path.glob(f"{self.stem}_r*") if p.suffix in data_suffixes())


@dataclass(frozen=True)
class ExportedRevision:
    """The list that the consumer got last for a day: the parsed file of the format that is kept."""

    meta: Mapping[str, Any]
    rows: list[Row]

    @property
    def revision(self) -> int:
        """Number of the revision."""
        return int(self.meta["revision"])


def last_exported(folder: Folder) -> ExportedRevision | None:
    """Tidy up after a kill and read the revision that was exported last on that day."""
    for left_over in folder.path.glob(f".*{PARTIAL}"):
        drop(left_over)
    # what was ready may have been picked up, so it counts; what was not is dropped below
    if (folder.path / READY).exists():
        _finish(folder)
    state = folder.path / DELIVERED
    last = None
    if state.exists():
        last = ExportedRevision(**json.loads(state.read_text(encoding="utf-8")))
    # files of a revision that a kill kept from `_READY`
    for path in folder.data_files():
        if _revision_of(path) > (last.revision if last else 0):
            drop(path)
    return last


def put_revision(
    folder: Folder, revision: int, files: Mapping[str, bytes], manifest: bytes
) -> None:
    """Put a revision in place; its file of the kept format becomes the state to compare with.

    The order is what makes a kill harmless: a consumer that waits for `_READY` never sees half a
    revision, and `.delivered.json` says what was ready, not what was about to be.
    """
    folder.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name, content in files.items():
        put(folder.path / name, content)
    drop(folder.path / READY)  # from here until the last file there is nothing to pick up
    put(folder.path / MANIFEST, manifest)
    sums = {name: sha256_of(content) for name, content in {**files, MANIFEST: manifest}.items()}
    # two blanks between hash and name: the form that `sha256sum --check` reads
    put(folder.path / SUMS, "".join(f"{s}  {n}\n" for n, s in sums.items()).encode())
    put(folder.path / READY, b"")
    drop(folder.path / BLOCKED)
    put(folder.path / DELIVERED, files[folder.name(revision, kept_format().suffix)])


def is_in_place(folder: Folder, revision: int, files: Mapping[str, bytes]) -> bool:
    """Return whether the folder shows exactly this revision, ready."""
    manifest = folder.path / MANIFEST
    return (
        (folder.path / READY).exists()
        and manifest.exists()
        and json.loads(manifest.read_text(encoding="utf-8"))["revision"] == revision
        and all(_holds(folder.path / name, content) for name, content in files.items())
    )


def block(folder: Folder, notice: bytes) -> None:
    """Take every row away and leave the notice: a list nobody vouches for is worse than none."""
    folder.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    # first: nobody is to pick up rows that are being withdrawn
    drop(folder.path / READY)
    put(folder.path / BLOCKED, notice)
    for path in [*folder.data_files(), folder.path / MANIFEST, folder.path / SUMS]:
        drop(path)


FILE_MODE, FOLDER_MODE = 0o640, 0o750
"""Worklists are PHI: their owner writes, their group reads, nobody else."""


def put(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; an equal file is left alone."""
    if _holds(path, content):
        return
    write_atomically(path, content, mode=FILE_MODE, folder_mode=FOLDER_MODE)


def drop(path: Path) -> None:
    """Remove a file if it is there."""
    if path.exists():
        path.unlink()
        flush(path.parent)


def _finish(folder: Folder) -> None:
    """Finish what a kill after `_READY` left undone."""
    manifest = json.loads((folder.path / MANIFEST).read_text(encoding="utf-8"))
    drop(folder.path / BLOCKED)
    shown = folder.path / folder.name(int(manifest["revision"]), kept_format().suffix)
    if shown.exists():
        put(folder.path / DELIVERED, shown.read_bytes())


def _revision_of(path: Path) -> int:
    return int(path.stem.rpartition("_r")[2])


def _holds(path: Path, content: bytes) -> bool:
    # by content: an equal file that is written again is news to whoever watches the folder
    return path.is_file() and path.read_bytes() == content
