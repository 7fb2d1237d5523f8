"""Rejected records as people ask for them: which, how many, where they stood, and their bytes.

Only `contents` and `read_content` return content; whoever shows it enters that in the audit first.
"""

import gzip
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lakeward.core.errors import PermanentError, UsageError
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Lake
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.trail import current_state


@dataclass(frozen=True)
class Rejected:
    """One rejected record.

    Attributes:
        is_waiting: It was replayed, and no run has loaded that yet.
        replay_of: The record whose replay this is, rejected again.
    """

    quarantine_id: str
    source: str
    received: int
    day: date
    file: str
    place: str
    position: int
    byte_offset: int
    byte_length: int
    reason: str
    detail: str
    state: str
    is_waiting: bool
    replay_of: str | None


@dataclass(frozen=True)
class TrailEntry:
    """An action on a record; `outcome` is waiting, loaded, rejected or unclear."""

    action: str
    at: datetime
    principal: str
    note: str | None
    file: str | None
    position: int | None
    original_sha256: str | None
    sha256: str | None
    outcome: str | None
    rejected_as: str | None
    rejected_for: str | None


@dataclass(frozen=True)
class Selection:
    """Which records: all that fit every part that is given."""

    ids: tuple[str, ...] = ()
    source: str | None = None
    reason: str | None = None
    state: str | None = None
    day: date | None = None


_NAMES = ", ".join(field.name for field in fields(Rejected))


def find(lake: Lake, selection: Selection) -> list[Rejected]:
    """List the records of a selection in order of delivery and place.

    Raises:
        UsageError: An id is not in quarantine.
    """
    conditions: dict[str, Any] = {
        "source = ?": selection.source,
        "reason = ?": selection.reason,
        "state = ?": selection.state,
        "day = ?": selection.day,
        "quarantine_id in (select unnest(?))": list(selection.ids) or None,
    }
    parts = {condition: value for condition, value in conditions.items() if value is not None}
    where = f" where {' and '.join(parts)}" if parts else ""
    with current_state(lake) as connection:
        rows = connection.execute(
            f"select {_NAMES} from record_state{where} order by source, received, position",
            list(parts.values()),
        ).fetchall()
    found = [Rejected(*row) for row in rows]
    unknown = set(selection.ids) - {record.quarantine_id for record in found}
    if unknown:
        raise UsageError(
            f"quarantine_id {min(unknown)}",
            "not in quarantine",
            "an id of a rejected record",
            "see `lakeward quarantine list`",
        )
    return found


def count_by_reason(records: Iterable[Rejected]) -> list[dict[str, str | int]]:
    """Count records by source, reason and state."""
    found: dict[tuple[str, str, str], int] = {}
    for record in records:
        key = (record.source, record.reason, record.state)
        found[key] = found.get(key, 0) + 1
    return [
        {"source": source, "reason": reason, "state": state, "records": number}
        for (source, reason, state), number in sorted(found.items())
    ]


def trail_of(lake: Lake, quarantine_id: str) -> list[TrailEntry]:
    """List what was done with a record, oldest first, and what came of it."""
    with current_state(lake) as connection:
        rows = connection.execute(
            "select a.action, a.at, a.principal, a.note, a.file, a.position, a.original_sha256,"
            " a.sha256, r.outcome, r.rejected_as, r.rejected_for"
            " from quarantine_action as a left join replay as r"
            " on r.quarantine_id = a.quarantine_id and r.file = a.file and r.position = a.position"
            " where a.quarantine_id = ? order by a.at",
            [quarantine_id],
        ).fetchall()
    return [TrailEntry(*row) for row in rows]


def contents(lake: Lake, records: Collection[Rejected]) -> Mapping[str, bytes]:
    """Read what `quarantine` holds of records, by id: the bytes, or their beginning."""
    ids = [record.quarantine_id for record in records]
    with connect(lake, tables=[QUARANTINE.name]) as connection:
        return dict(_contents(connection, ids))


def _contents(connection: Connection, ids: Sequence[str]) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = connection.execute(
        "select quarantine_id, content from quarantine where quarantine_id in (select unnest(?))",
        [list(ids)],
    ).fetchall()
    return found


def read_content(landing: Path, record: Rejected, stored: bytes) -> bytes | Path:
    """Read the whole bytes of a record; return the landed file when the record is all of it.

    Args:
        landing: Folder below which the files lie.
        record: The record.
        stored: What `quarantine` holds of it: long ones are cut there.

    Raises:
        PermanentError: It was cut, and the landed file is gone.
    """
    if len(stored) == record.byte_length:
        return stored
    path = landing / record.file
    if not path.is_file():
        raise PermanentError(
            f"{record.file} {record.place}",
            "quarantine holds only its beginning, and the landed file is gone",
            "the file as it was delivered",
            "bring it back from a backup of landing",
        )
    if record.byte_offset == 0 and record.byte_length == path.stat().st_size:
        return path
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else path.open("rb") as opened:
        opened.seek(record.byte_offset)
        return opened.read(record.byte_length)
