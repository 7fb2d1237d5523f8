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
        file: The landed file, below landing.
        place: Where it stood there, as `line 12` or `message 3`; `position` is the number alone.
        byte_offset: First byte in the file (unpacked), from 0; `byte_length` counts bytes too.
        reason: Code; `detail` says what was expected, without a value of the record.
        state: `open`, `replayed` or `discarded`, as it is now.
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
    """An action on a record, and what came of it.

    Attributes:
        action: `replayed`, `edited` or `discarded`.
        principal: Person or service that acted.
        file: Replay file below landing, and `position` in it; None when discarded.
        original_sha256: Of the bytes as rejected; `sha256` of those that come again.
        outcome: `waiting`, `loaded`, `rejected` or `unclear`; None when discarded.
        rejected_as: `quarantine_id` of the replay when that was rejected, for `rejected_for`.
    """

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
    """List the records of a selection in order of source, `received` and position.

    Raises:
        UsageError: An id is not in quarantine.
    """
    conditions: dict[str, Any] = {
        "source = ?": selection.source,
        "reason = ?": selection.reason,
        "state = ?": selection.state,
        "day = ?": selection.day,
        # one parameter for any number of ids; None, since an empty list would select nothing
        "quarantine_id in (select unnest(?))": list(selection.ids) or None,
    }
    parts = {condition: value for condition, value in conditions.items() if value is not None}
    where = f" where {' and '.join(parts)}" if parts else ""
    with current_state(lake) as connection:
        rows = connection.execute(
            # in this order, so that files are composed one landed file after the other
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
    # nothing was cut, so the landed file need not be there any more
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
    # a file that is no HL7 v2 at all is one record, of gigabytes perhaps: it is copied, not read
    if record.byte_offset == 0 and record.byte_length == path.stat().st_size:
        return path
    with path.open("rb") as file:
        # by its first bytes, not its name; positions count the bytes after unpacking
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else path.open("rb") as opened:
        opened.seek(record.byte_offset)
        return opened.read(record.byte_length)
