"""One day's folder of one consumer: what was exported, and how a revision gets there.

Every file is written under a temporary name, flushed and renamed; `_READY` comes last. A kill at
any point leaves either the earlier revision ready or none, and the next run arrives at the folder
of an undisturbed run. What the files say is decided in `export`.

    <consumer>/<day>/
        <facility>_<worklist>_<YYYYMMDD>_r01.csv .json     one file a format and revision
        manifest.json  SHA256SUMS  _READY                  of the newest revision
        _BLOCKED.json                                      instead of all these, when held
        .delivered.json                                    the last exported list, to compare with
        .delivered.next.json                               of a revision on its way to `_READY`

`.delivered.json` is ours: consumers may take files away, and the next list still knows what they
got, that of a later day too. Reading changes nothing; what a kill left behind is removed by `tidy`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from lakeward.core.files import (
    FILE_MODE,
    FOLDER_MODE,
    PARTIAL,
    flush,
    sha256_of,
    write_atomically,
)
from lakeward.worklists.changes import Known
from lakeward.worklists.output_formats import data_suffixes, document_bytes
from lakeward.worklists.rows import Row

READY, BLOCKED, MANIFEST, SUMS = "_READY", "_BLOCKED.json", "manifest.json", "SHA256SUMS"
DELIVERED, NEXT = ".delivered.json", ".delivered.next.json"
SCHEMA_VERSION = 2
"""Of everything an export says about itself. Rows of version 1 had ids that held the day."""


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
    """A list that the consumer got: what it said about itself, and what is known of it since."""

    meta: Mapping[str, Any]
    rows: list[Row]
    earlier: list[Row] = field(default_factory=list)

    @property
    def revision(self) -> int:
        """Number of the revision."""
        return int(self.meta["revision"])

    @property
    def known(self) -> Known:
        """What the consumer knows by it; ids of an older schema match none of today's."""
        if self.meta["schema_version"] != SCHEMA_VERSION:
            return Known()
        return Known(self.rows, self.earlier)


def last_exported(folder: Folder) -> ExportedRevision | None:
    """Read the revision that was exported last on that day."""
    on_its_way = _state(folder.path / NEXT)
    if on_its_way is not None and _is_ready(folder, on_its_way):
        return on_its_way
    return _state(folder.path / DELIVERED)


def exported_before(folder: Folder, day: date) -> ExportedRevision | None:
    """Read the revision that was exported last on the newest day before one."""
    for path in _earlier_days(folder, day):
        found = last_exported(Folder(path, folder.stem))
        if found is not None:
            return found
    return None


def delivered_row(folder: Folder, row_id: str) -> tuple[ExportedRevision, Row] | None:
    """Return the revision of a day that was exported last, and its row of this id, if any."""
    state = folder.path / DELIVERED
    # as bytes: most lists of most days do not have it, and reading them as JSON takes long
    if not state.exists() or row_id.encode() not in state.read_bytes():
        return None
    exported = last_exported(folder)
    rows = exported.rows if exported else []
    found = next((row for row in rows if row["row_id"] == row_id), None)
    return (exported, found) if exported and found else None


def is_withdrawn(folder: Folder) -> bool:
    """Return whether a folder says in place of its list that there is none."""
    return (folder.path / BLOCKED).exists() and not (folder.path / READY).exists()


def tidy(folder: Folder) -> None:
    """Finish or remove what a kill left behind; without one, change nothing."""
    for left_over in folder.path.glob(f".*{PARTIAL}"):
        drop(left_over)
    on_its_way = _state(folder.path / NEXT)
    # what was ready may have been picked up, so it counts; what was not is dropped
    if on_its_way is not None and _is_ready(folder, on_its_way):
        _settle(folder)
    drop(folder.path / NEXT)
    last = _state(folder.path / DELIVERED)
    for path in folder.data_files():
        if _revision_of(path) > (last.revision if last else 0):
            drop(path)


def put_revision(
    folder: Folder, exported: ExportedRevision, files: Mapping[str, bytes], manifest: bytes
) -> None:
    """Put a revision in place, and with it the state that the next list is compared with.

    The order is what makes a kill harmless: a consumer that waits for `_READY` never sees half a
    revision, and `.delivered.json` says what was ready, not what was about to be.
    """
    folder.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name, content in files.items():
        put(folder.path / name, content)
    state = {"meta": exported.meta, "rows": exported.rows, "earlier": exported.earlier}
    put(folder.path / NEXT, document_bytes(state))
    drop(folder.path / READY)  # from here until the last file there is nothing to pick up
    put(folder.path / MANIFEST, manifest)
    sums = {name: sha256_of(content) for name, content in {**files, MANIFEST: manifest}.items()}
    # two blanks between hash and name: the form that `sha256sum --check` reads
    put(folder.path / SUMS, "".join(f"{s}  {n}\n" for n, s in sums.items()).encode())
    put(folder.path / READY, b"")
    _settle(folder)


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
    """Let the revision that is ready be the one that was delivered."""
    drop(folder.path / BLOCKED)
    (folder.path / NEXT).replace(folder.path / DELIVERED)
    flush(folder.path)


def _is_ready(folder: Folder, exported: ExportedRevision) -> bool:
    if not (folder.path / READY).exists():
        return False
    manifest = json.loads((folder.path / MANIFEST).read_text(encoding="utf-8"))
    return int(manifest["revision"]) == exported.revision


def _state(path: Path) -> ExportedRevision | None:
    if not path.exists():
        return None
    return ExportedRevision(**json.loads(path.read_text(encoding="utf-8")))


def _earlier_days(folder: Folder, day: date) -> list[Path]:
    """List the folders of earlier days, newest first; ISO dates sort as text."""
    days = (p for p in folder.path.parent.glob("????-??-??") if p.name < day.isoformat())
    return sorted(days, key=lambda path: path.name, reverse=True)


def _revision_of(path: Path) -> int:
    return int(path.stem.rpartition("_r")[2])


def _holds(path: Path, content: bytes) -> bool:
    # by content: an equal file that is written again is news to whoever watches the folder
    return path.is_file() and path.read_bytes() == content
