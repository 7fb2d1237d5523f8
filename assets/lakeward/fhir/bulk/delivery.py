"""A finished export becomes one delivery in landing: its files, its manifests, the marker last.

    landing/<source>/<day>/
        <export_id>-1-new_members/   manifest.json, 1.Patient.ndjson, ...
        <export_id>-2-changes/       manifest.json, 1.Patient.ndjson, ...
        _COMPLETE

Each job has a folder of its own, so that every manifest names the files beside it, and a day can
hold several exports whose files have the same names.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeward.core.files import flush, partial_of, write_atomically
from lakeward.landing.deliveries import MANIFEST, MARKER


@dataclass(frozen=True)
class JobFiles:
    """What one job delivers.

    Attributes:
        name: Name of its folder in the delivery.
        folder: Where its files are until they are moved.
        files: Names of the files.
        manifest: The manifest to write beside them.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    manifest: dict[str, Any]


def land_jobs(day_folder: Path, jobs: Sequence[JobFiles]) -> int:
    """Move the files of jobs into a day's folder and complete the delivery.

    May be repeated: files that an earlier call moved are left where they are, so a kill within it
    ends in the same delivery. The marker is absent meanwhile, so nobody loads half an export.

    Returns:
        The number of files in the delivery.
    """
    day_folder.mkdir(parents=True, exist_ok=True)
    (day_folder / MARKER).unlink(missing_ok=True)
    for job in jobs:
        target = day_folder / job.name
        target.mkdir(exist_ok=True)
        for name in job.files:
            _move(job.folder / name, target / name)
        write_atomically(target / MANIFEST, json.dumps(job.manifest, indent=1).encode())
    flush(day_folder)
    write_atomically(day_folder / MARKER, b"")
    return sum(len(job.files) for job in jobs)


def _move(source: Path, target: Path) -> None:
    if not source.exists() and target.exists():
        return  # moved by a call that was killed
    try:
        source.rename(target)
    except OSError:
        if not source.exists():
            raise
        # landing is on another disk, where a rename is not possible and a copy is not atomic
        partial = partial_of(target)
        shutil.copyfile(source, partial)
        flush(partial)
        partial.replace(target)
        source.unlink()
