"""Where the state of a source's exports lies: small files, each replaced whole or appended to.

    work/bulk/<source>/
        current.json        the export at hand, or the last one
        watermark.json      up to where the source is held, and who is in its group
        lock
        exports/<export_id>/log.ndjson, <n>-<purpose>/page-1.json, files.ndjson, files/

Only the owner may read it: it holds URLs that are secrets for a time, and patient ids.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lakeward.core.errors import RetryableError, SpecError
from lakeward.core.files import write_atomically
from lakeward.core.locks import locked
from lakeward.core.paths import Home
from lakeward.fhir.bulk.state import Export

FILE_MODE, FOLDER_MODE = 0o600, 0o700
"""Owner only: the files hold URLs that are secrets for a time, and patient ids."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Store:
    """The folder of one source."""

    folder: Path

    @property
    def watermark(self) -> Path:
        """Where the watermark lies."""
        return self.folder / "watermark.json"

    def export_folder(self, export: Export) -> Path:
        """Give the folder of an export."""
        return self.folder / "exports" / export.export_id

    def job_folder(self, export: Export, position: int | None = None) -> Path:
        """Give the folder of a job, by default of the one at hand."""
        at = export.current if position is None else position
        return self.export_folder(export) / job_name(export, at)

    def load(self) -> Export | None:
        """Read the export at hand, or the last one."""
        return read_model(self.folder / "current.json", Export)

    def save(self, export: Export) -> Export:
        """Keep an export; gives it as kept."""
        kept = export.but(revision=export.revision + 1)
        write_text(self.folder / "current.json", kept.model_dump_json(indent=1))
        return kept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the source: its export is advanced by one process at a time.

        Raises:
            RetryableError: Another process holds it.
        """
        busy = RetryableError(
            f"export of {self.folder.name}",
            "is being advanced by another process",
            "one process at a time",
            "wait until it has ended",
        )
        with locked(self.folder / "lock", busy, FOLDER_MODE):
            yield


def store_of(home: Home, source: str) -> Store:
    """Give the store of a source."""
    return Store(home.work / "bulk" / source)


def job_name(export: Export, position: int) -> str:
    """Name a job within its export."""
    return f"{position + 1}-{export.jobs[position].purpose.value}"


def read_model(path: Path, model: type[Model]) -> Model | None:
    """Read a kept value, None if there is none.

    Raises:
        SpecError: It cannot be read.
    """
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError:
        raise SpecError(
            str(path), "cannot be read", "what this version wrote", "move it away to start anew"
        ) from None


def write_text(path: Path, text: str) -> None:
    """Replace a file whole, for its owner's eyes only."""
    write_atomically(path, text.encode(), mode=FILE_MODE, folder_mode=FOLDER_MODE)


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record to a journal.

    It may be lost with the power, not with the process: a file whose record is lost is fetched
    again, and no record stands for a file that is not on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
    with os.fdopen(descriptor, "ab") as file:
        size = file.tell()
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"  # a kill cut the last line
        file.write((b"\n" if torn else b"") + json.dumps(record).encode() + b"\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a journal; a line that a kill cut short is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found
