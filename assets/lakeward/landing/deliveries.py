"""Deliveries: what lies in landing, and putting files there as one complete delivery.

    landing/adt_hl7/2026-03-10/adt.hl7
                               _COMPLETE              written last
    landing/ehr_fhir/2026-03-10/Patient.ndjson
                                manifest.json         of the export that brought these files
                                export-1a2b3c4d/      a second export of that day, with its manifest
                                replay/               records that come again from quarantine

Files are never changed here, and what they hold is not looked at.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from lakeward.core.errors import SpecError, UsageError
from lakeward.core.files import LONGEST_NAME, partial_of
from lakeward.core.foreign_json import read_json
from lakeward.landing.folder_files import LINK, MISNAMED, files_below
from lakeward.landing.manifest import Manifest, is_manifest, parse_manifest
from lakeward.landing.packed_files import is_nameable, shown_name

MARKER = "_COMPLETE"
"""Written last: a folder without it is still being delivered and is left alone."""

MANIFEST = "manifest.json"
MANIFEST_LIMIT = 64 << 20
"""Bytes of a manifest that are read: that is 200,000 files, and it is read whole every night."""

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Delivery:
    """One complete delivery: its source, its day, its files in order of name, its manifests.

    A day can hold several exports, each in a folder of its own with a manifest of its own.
    `not_read` says of each file and folder that is left out why: a name that is not UTF-8, which no
    table can hold, or a link, which can lead out of the delivery.
    `refused` says what is wrong with manifests: the files that such a one lists are not in `files`,
    since what is loaded without its promises may be half of an export and look like all of it.
    """

    source: str
    day: date
    files: tuple[Path, ...]
    manifests: Mapping[Path, Manifest] = field(default_factory=dict)
    not_read: Mapping[Path, str] = field(default_factory=dict)
    refused: tuple[SpecError, ...] = ()

    def manifest_of(self, path: Path) -> Manifest | None:
        """Return the manifest that lists a file: the one nearest to it, going up the folders."""
        return _nearest(path, self.manifests)


def deliveries(landing: Path, source: str, through: date) -> list[Delivery]:
    """List the complete deliveries of a source up to a day, oldest first.

    Raises:
        OSError: A folder cannot be read. What is in it would be missing without a word.
    """
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
        UsageError: A path does not exist, cannot be read or has a name that is not UTF-8, or
            landing cannot be written, or a manifest is not as the guide says.
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
    # a link without its folder is a share that is not mounted: not the same as no delivery
    if not folder.exists() and not folder.is_symlink():
        return []
    found = []
    for child in folder.iterdir():
        try:
            found.append((date.fromisoformat(child.name), child))
        except ValueError:
            continue
    return sorted(found)


def _delivery(folder: Path, source: str, day: date) -> Delivery:
    # The folder of a source may be a link: whoever runs Lakeward sets it. One in it is set by
    # whoever delivers, and could lead into another source.
    if folder.is_symlink():
        return Delivery(source, day, (), not_read={folder: LINK})
    below = files_below(folder)
    files = [p for p in below.files if p.name != MARKER]
    found: dict[Path, Manifest | SpecError] = {}
    for path in files:
        if path.name == MANIFEST and (read := _manifest(path)) is not None:
            found[path.parent] = read
    manifests = {f: m for f, m in found.items() if isinstance(m, Manifest)}
    refused = tuple(m for m in found.values() if isinstance(m, SpecError))
    kept = tuple(p for p in files if not isinstance(_nearest(p, found), SpecError))
    return Delivery(source, day, kept, manifests, below.not_read, refused)


def _nearest(path: Path, found: Mapping[Path, _Found]) -> _Found | None:
    """Return what a manifest says of a file: the one nearest to it, going up the folders."""
    return next((found[folder] for folder in path.parents if folder in found), None)


def _shown(path: Path) -> str:
    """Return the end of a path as text, whatever bytes its folders are named by."""
    return str(Path(*path.parts[-3:])).encode("utf-8", "backslashreplace").decode()


def _manifest(path: Path) -> Manifest | SpecError | None:
    """Read the manifest of a bulk export, or what is wrong with it.

    None when the file is none, as another program's `manifest.json` may be.
    """
    where, remedy = _shown(path), "ask the sender for the manifest again"
    try:
        if path.stat().st_size > MANIFEST_LIMIT:
            return SpecError(where, "is too large", f"at most {MANIFEST_LIMIT} bytes", remedy)
        data = read_json(path.read_bytes())
    except (ValueError, OSError):
        return SpecError(where, "cannot be read", "one JSON document in UTF-8", remedy)
    if not is_manifest(data):
        return None
    try:
        return parse_manifest(data, where)
    except SpecError as error:
        return error


def _expand(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """List the files of paths, each with its path in the delivery."""
    files: list[tuple[Path, Path]] = []
    left_out: dict[Path, str] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(
                str(path), "does not exist", "a file or folder", "check the path and try again"
            )
        if not path.is_dir():
            files.append((path, Path(path.name)))
            continue
        below = files_below(path)
        left_out |= below.not_read
        files += [(p, p.relative_to(path)) for p in below.files]
    # a marker that comes along would end the delivery before all of its files are there
    files = [(file, name) for file, name in files if name.name != MARKER]
    left_out |= {file: MISNAMED for file, name in files if not is_nameable(name)}
    # hidden files are passed over in landing, so one that is named here would never be read
    left_out |= {file: "is hidden" for file, name in files if name.name.startswith(".")}
    if left_out:
        raise UsageError(
            ", ".join(f"{shown_name(file)} ({why})" for file, why in sorted(left_out.items())),
            "cannot be landed",
            "files with names in UTF-8, no links and nothing hidden",
            "rename or copy what is named; nothing was landed",
        )
    unreadable = [file for file, _ in files if not os.access(file, os.R_OK)]
    if unreadable or not files:
        where = str(unreadable[0]) if unreadable else ", ".join(map(str, paths))
        what = "cannot be read" if unreadable else "holds no file"
        raise UsageError(where, what, "readable files", "check the permissions and try again")
    wrong = [m for f, _ in files if f.name == MANIFEST and isinstance(m := _manifest(f), SpecError)]
    if wrong:
        what = f"{wrong[0].what}; nothing was landed"
        raise UsageError(wrong[0].where, what, wrong[0].expected, wrong[0].remedy)
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
        target = target.with_name(_with_hash(target.name, digest))
    # hidden until it is whole: a kill must not leave half a file under a name that is loaded
    partial = partial_of(target)
    shutil.copyfile(file, partial)
    partial.replace(target)


def _with_hash(name: str, digest: str) -> str:
    """Return a file's name with a hash before its suffix, no longer than a name may be."""
    path = Path(name)
    ending = f".{digest[:8]}{path.suffix}"
    room = LONGEST_NAME - len(ending.encode())
    # cut as bytes: a name has a limit of these, and letters of other alphabets have several
    return path.stem.encode()[:room].decode("utf-8", "ignore") + ending
