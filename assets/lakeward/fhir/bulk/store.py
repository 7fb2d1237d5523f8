"""Where the state of a source's exports lies: small files, each replaced whole or appended to.

    work/bulk/<source>/
        current.json        the export at hand, or the last one
        watermark.json      up to where the source is held, and who is in its group
        lock
        exports/<export_id>/log.ndjson, <n>-<purpose>/page-1.json, files.ndjson, files/

Only the owner may read it: it holds URLs that are secrets for a time, and patient ids.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lakeward.core.errors import RetryableError, SpecError
from lakeward.core.paths import Home, flush
from lakeward.fhir.bulk.state import Export

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
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RetryableError(
                    f"export of {self.folder.name}",
                    "is being advanced by another process",
                    "one process at a time",
                    "wait until it has ended",
                ) from None
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
    """Replace a file whole: after a kill it is the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    flush(path.parent)


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record to a journal.

    It may be lost with the power, not with the process: a file whose record is lost is fetched
    again, and no record stands for a file that is not on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
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
