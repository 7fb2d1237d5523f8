"""Where the state of a source's exports is kept: small files, each replaced whole or appended to.

    work/bulk/<source>/
        current.json                the current export, or the last one
        watermark.json              up to when the source is stored, and who is in its group
        lock
        exports/<export_id>/
            log.ndjson              what happened, see `journal`
            joined.json             ids of new group members, until the export ends
            <n>-<purpose>/          one folder for each job
                page-1.json         manifest pages as they were answered
                page-1.refresh-1.json
                files.ndjson        the file journal: one line for each attempt at a file
                files/              files that are durable, until they are landed
                refusal.txt         body of the error that ended the job

Files and not a Delta table: one process changes them every few seconds, and the lake may be held by
a night meanwhile.
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
from lakeward.fhir.bulk.state import ExportRun

FILE_MODE, FOLDER_MODE = 0o600, 0o700
"""For the owner only: the files hold signed URLs, which are as good as passwords until they
expire, and patient ids."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Store:
    """The folder of one source."""

    folder: Path

    @property
    def watermark(self) -> Path:
        """Return the path of the watermark."""
        return self.folder / "watermark.json"

    def export_folder(self, export: ExportRun) -> Path:
        """Return the folder of an export."""
        return self.folder / "exports" / export.export_id

    def job_folder(self, export: ExportRun, position: int | None = None) -> Path:
        """Return the folder of a job, by default of the current one."""
        at = export.current if position is None else position
        return self.export_folder(export) / job_name(export, at)

    def load(self) -> ExportRun | None:
        """Read the current export, or the last one; None before the first."""
        return read_model(self.folder / "current.json", ExportRun)

    def save(self, export: ExportRun) -> ExportRun:
        """Write an export durably and return it as written, with its new revision."""
        kept = export.but(revision=export.revision + 1)
        write_text(self.folder / "current.json", kept.model_dump_json(indent=1))
        return kept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the source: one process at a time advances its export.

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
    """Return the store of a source."""
    return Store(home.work / "bulk" / source)


def job_name(export: ExportRun, position: int) -> str:
    """Name a job within its export, as `2-changes`; position counts from 0, the name from 1."""
    return f"{position + 1}-{export.jobs[position].purpose.value}"


def read_model(path: Path, model: type[Model]) -> Model | None:
    """Read a value that was kept; None if there is no file.

    Raises:
        SpecError: It cannot be read. To go on without it would be a full export, or a second
            kick-off, without anybody having decided so.
    """
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError:
        raise SpecError(
            str(path),
            "cannot be read",
            "what this version wrote",
            "move it away to begin again",
        ) from None


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner may read it."""
    write_atomically(path, text.encode(), mode=FILE_MODE, folder_mode=FOLDER_MODE)


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record to a journal.

    Not flushed to disk: a power cut may lose it, a kill does not. A file whose record is lost is
    fetched again. The other way round would be a loss, and cannot happen: a file is durable before
    its record is written.
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
