"""One day's folder of one consumer: what was delivered, and how a revision gets there.

Every file is written under a temporary name, flushed and renamed; `_READY` comes last. A kill at
any point leaves either the earlier revision ready or none, and the next run arrives at the folder
an undisturbed run gives. What the files say is decided in `export`.

    <consumer>/<day>/
        <facility>_<worklist>_<YYYYMMDD>_r01.csv .json     one pair a revision
        manifest.json  SHA256SUMS  _READY                  of the newest revision
        _BLOCKED.json                                      instead of all these, when held
        .delivered.json                                    the last delivered list, to compare with

`.delivered.json` is ours: consumers may take files away, and the next revision still knows what
they got.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeward.core.files import PARTIAL, flush, sha256_of, write_atomically
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
        """List the data files of all revisions."""
        return sorted(p for p in self.path.glob(f"{self.stem}_r*") if p.suffix in {".csv", ".json"})


@dataclass(frozen=True)
class Delivered:
    """The list that the consumer got last: the parsed JSON file of that revision."""

    meta: Mapping[str, Any]
    rows: list[Row]

    @property
    def revision(self) -> int:
        """Number of the revision."""
        return int(self.meta["revision"])


def delivered(folder: Folder) -> Delivered | None:
    """Tidy up after a kill and give what was delivered last on that day."""
    for left_over in folder.path.glob(f".*{PARTIAL}"):
        drop(left_over)
    if (folder.path / READY).exists():
        _settle(folder)
    state = folder.path / DELIVERED
    last = Delivered(**json.loads(state.read_text(encoding="utf-8"))) if state.exists() else None
    for path in folder.data_files():
        if _revision_of(path) > (last.revision if last else 0):
            drop(path)
    return last


def publish(folder: Folder, revision: int, files: Mapping[str, bytes], manifest: bytes) -> None:
    """Put a revision in place; the JSON file among `files` becomes the delivered state."""
    folder.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name, content in files.items():
        put(folder.path / name, content)
    drop(folder.path / READY)
    put(folder.path / MANIFEST, manifest)
    sums = {name: sha256_of(content) for name, content in {**files, MANIFEST: manifest}.items()}
    put(folder.path / SUMS, "".join(f"{s}  {n}\n" for n, s in sums.items()).encode())
    put(folder.path / READY, b"")
    drop(folder.path / BLOCKED)
    put(folder.path / DELIVERED, files[folder.name(revision, "json")])


def is_in_place(folder: Folder, revision: int, files: Mapping[str, bytes]) -> bool:
    """Whether the folder shows exactly this revision, ready."""
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


def _settle(folder: Folder) -> None:
    """Finish what a kill after `_READY` left undone."""
    manifest = json.loads((folder.path / MANIFEST).read_text(encoding="utf-8"))
    drop(folder.path / BLOCKED)
    shown = folder.path / folder.name(int(manifest["revision"]), "json")
    if shown.exists():
        put(folder.path / DELIVERED, shown.read_bytes())


def _revision_of(path: Path) -> int:
    return int(path.stem.rpartition("_r")[2])


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
