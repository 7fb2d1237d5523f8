"""Deliveries: what lies in landing, and putting files there as one complete delivery.

    landing/adt_hl7/2026-03-10/adt.hl7
                               _COMPLETE              written last
    landing/ehr_fhir/2026-03-10/Patient.ndjson
                                manifest.json         of the export that brought these files
                                export-1a2b3c4d/      a second export of that day, with its manifest
                                replay/               records that come again from quarantine

Files are never changed here, and what they hold is not looked at.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

from lakeward.core.errors import SpecError, UsageError
from lakeward.core.files import partial_of
from lakeward.landing.manifest import Manifest, parse_manifest

MARKER = "_COMPLETE"
"""Written last: a folder without it is still being delivered and is left alone."""

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Delivery:
    """One complete delivery: its source, its day, its files in order of name, its manifests.

    A day can hold several exports, each in a folder of its own with a manifest of its own.
    """

    source: str
    day: date
    files: tuple[Path, ...]
    manifests: Mapping[Path, Manifest] = field(default_factory=dict)

    def manifest_of(self, path: Path) -> Manifest | None:
        """Return the manifest that lists a file: the one nearest to it, going up the folders."""
        return next((self.manifests[f] for f in path.parents if f in self.manifests), None)


def deliveries(landing: Path, source: str, through: date) -> list[Delivery]:
    """List the complete deliveries of a source up to a day, oldest first."""
    return [
        _delivery(folder, source, day)
        for day, folder in _days(landing / source)
        if day <= through and (folder / MARKER).is_file()
    ]


def incomplete(landing: Path, source: str) -> list[date]:
    """List the days whose folder has no marker yet."""
    return [day for day, folder in _days(landing / source) if not (folder / MARKER).is_file()]


def land(landing: Path, source: str, paths: Sequence[Path], day: date) -> Delivery:
    """Copy files into landing as one complete delivery, marker last.

    A folder keeps the folders in it. A file of the same name and content is left as it is; one of
    the same name and other content is put beside it under a name that carries its hash, so nothing
    is overwritten. An export whose manifest differs from one that is there gets a folder of its
    own, so that each manifest lists its own files.

    Raises:
        UsageError: A path does not exist or cannot be read, or landing cannot be written.
    """
    files = _expand(paths)
    folder = landing / source / day.isoformat()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # a run that begins while files are copied must not take half of them for the whole delivery
        (folder / MARKER).unlink(missing_ok=True)
        target = folder / _own_folder(files, folder)
        for file, name in files:
            _copy(file, target / name)
        (folder / MARKER).touch()
    except OSError as error:
        raise UsageError(
            str(folder),
            f"cannot be written ({error.strerror})",
            "a writable home",
            "check LAKEWARD_HOME and its permissions",
        ) from error
    return _delivery(folder, source, day)


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file, read in pieces."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _days(folder: Path) -> list[tuple[date, Path]]:
    if not folder.is_dir():
        return []
    found = []
    for child in folder.iterdir():
        try:
            found.append((date.fromisoformat(child.name), child))
        except ValueError:
            continue
    return sorted(found)


def _delivery(folder: Path, source: str, day: date) -> Delivery:
    files = sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and p.name != MARKER and not p.name.startswith(".")
    )
    found = {p.parent: _manifest(p) for p in files if p.name == MANIFEST}
    return Delivery(source, day, tuple(files), {f: m for f, m in found.items() if m})


def _manifest(path: Path) -> Manifest | None:
    """Read the manifest of a bulk export; None when the file is none, as `manifest.json` may be."""
    try:
        return parse_manifest(json.loads(path.read_text(encoding="utf-8")), path.name)
    except (ValueError, OSError, SpecError):
        return None


def _expand(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """List the files of paths, each with its path in the delivery."""
    files: list[tuple[Path, Path]] = []
    for path in paths:
        if not path.exists():
            raise UsageError(
                str(path), "does not exist", "a file or folder", "check the path and try again"
            )
        below = [p for p in sorted(path.rglob("*")) if p.is_file()] if path.is_dir() else []
        files += [(p, p.relative_to(path)) for p in below] or (
            [] if path.is_dir() else [(path, Path(path.name))]
        )
    # a marker that comes along would end the delivery before all of its files are there
    files = [(file, name) for file, name in files if name.name != MARKER]
    unreadable = [file for file, _ in files if not os.access(file, os.R_OK)]
    if unreadable or not files:
        where = str(unreadable[0]) if unreadable else ", ".join(map(str, paths))
        what = "cannot be read" if unreadable else "holds no file"
        raise UsageError(where, what, "readable files", "check the permissions and try again")
    return files


def _own_folder(files: Sequence[tuple[Path, Path]], folder: Path) -> str:
    """Name the folder of an export whose manifest is another than the one that is there."""
    present = folder / MANIFEST
    for file, name in files:
        if name == Path(MANIFEST) and present.is_file():
            digest = hash_file(file)
            # the same manifest again is the same export, landed a second time
            return "" if hash_file(present) == digest else f"export-{digest[:8]}"
    return ""


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        digest = hash_file(file)
        if hash_file(target) == digest:
            return
        # Never overwritten: raw names this path and the first byte of each record, and a rejected
        # record may have to be read from it again.
        target = target.with_name(f"{file.stem}.{digest[:8]}{file.suffix}")
    # hidden until it is whole: a kill must not leave half a file under a name that is loaded
    partial = partial_of(target)
    shutil.copyfile(file, partial)
    partial.replace(target)
