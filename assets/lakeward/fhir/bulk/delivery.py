"""A finished export becomes one delivery in landing: its files, its manifests, the marker last.

Each job has a folder of its own below the day, so that every manifest speaks of its own files and
a day can hold several exports. Doing it again after a kill ends in the same delivery.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeward.core.files import flush, write_atomically
from lakeward.landing.deliveries import MANIFEST, MARKER


@dataclass(frozen=True)
class Part:
    """What one job delivers: the name of its folder, where its files lie, and its manifest."""

    name: str
    folder: Path
    files: tuple[str, ...]
    manifest: dict[str, Any]


def land_parts(day_folder: Path, parts: Sequence[Part]) -> int:
    """Move the parts into a day's folder and complete the delivery; give the number of files.

    The marker is away while files come, so nobody takes half an export for a whole one.
    """
    day_folder.mkdir(parents=True, exist_ok=True)
    (day_folder / MARKER).unlink(missing_ok=True)
    for part in parts:
        target = day_folder / part.name
        target.mkdir(exist_ok=True)
        for name in part.files:
            _move(part.folder / name, target / name)
        write_atomically(target / MANIFEST, json.dumps(part.manifest, indent=1).encode())
    flush(day_folder)
    write_atomically(day_folder / MARKER, b"")
    return sum(len(part.files) for part in parts)


def _move(source: Path, target: Path) -> None:
    if not source.exists() and target.exists():
        return  # moved by a call that was killed
    try:
        source.rename(target)
    except OSError:
        if not source.exists():
            raise
        partial = target.with_name(f".{target.name}.partial")  # another disk
        shutil.copyfile(source, partial)
        flush(partial)
        partial.replace(target)
        source.unlink()
