"""From a worklist row back to the file and the message or line behind it.

Names files and positions, never their content: no name, no time of a visit, no value of a record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.lake.query import Connection, DatabaseError, connect, register_table, snapshot
from lakeward.lake.release import Release, history, released_pins
from lakeward.lake.tables import Lake
from lakeward.landing.formats import Format
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.trail import ACTION
from lakeward.worklists.documents import short_name

EVENTS = "canonical__visit_event"
_SUBJECTS = ("visit_key", "referral_key", "bed_key")


@dataclass(frozen=True)
class Origin:
    """A place in a delivered file.

    Attributes:
        source_ref: As it stands on rows.
        path: The file; None when the reference names none.
        place: `message 3` or `line 12`.
        record: `SIU^S13` or `Appointment version 3`; empty when the record is not in the lake.
        rejected: Where it stood when it was rejected, if it came back from quarantine.
    """

    source_ref: str
    path: Path | None = None
    place: str = ""
    record: str = ""
    rejected: str = ""

    def __str__(self) -> str:
        """Render it in one line."""
        record = f" ({self.record})" if self.record else ""
        rejected = f", rejected before as {self.rejected}" if self.rejected else ""
        return f"{self.path} {self.place}{record}{rejected}" if self.path else self.source_ref


@dataclass(frozen=True)
class Step:
    """One event of the visit, referral or bed behind the row, in order of happening."""

    event_type: str
    from_state: str | None
    to_state: str | None
    trigger: str | None
    is_cancelled: bool
    origin: Origin


@dataclass(frozen=True)
class Trace:
    """A worklist row's way back: the change behind it, and all that led to it."""

    row_id: str
    worklist: str
    day: date
    table_version: int
    release_id: str | None
    origin: Origin
    steps: tuple[Step, ...]

    def lines(self) -> list[str]:
        """Render the trace as text for a terminal."""
        row = f"{self.worklist} of {self.day}, table version {self.table_version}"
        release = f", release {self.release_id}" if self.release_id else ", not released"
        steps = [
            f"  {step.event_type}"
            + (f" {step.from_state or '-'} -> {step.to_state}" if step.to_state else "")
            + (" (cancelled)" if step.is_cancelled else "")
            + f": {step.origin}"
            for step in self.steps
        ]
        return [row + release, f"change: {self.origin}", "events:", *(steps or ["  none"])]


def trace(lake: Lake, home: Home, row_id: str, formats: Sequence[Format]) -> Trace:
    """Find a row in any worklist, current or earlier, and follow it back.

    Args:
        lake: Holds worklists and raw records.
        home: Its `landing` holds the files.
        row_id: As it stands in an exported file.
        formats: In whose raw tables the records behind the row may be.

    Raises:
        UsageError: No worklist holds or held such a row.
    """
    # a row_id does not say which list it is of, so all are searched
    for contract in load_contracts().values():
        if contract.consumer:
            for version, release in _versions(lake, contract):
                row = _row(lake, contract.name, version, row_id)
                if row is not None:
                    found = _Found(contract, version, release, row)
                    return _follow(lake, home.landing, formats, found)
    raise UsageError(
        "trace", "no worklist holds this row", "a row_id of an exported list", "copy it from a file"
    )


def _versions(lake: Lake, contract: Contract) -> Iterator[tuple[int, Release | None]]:
    """Yield a table's versions: released ones first, newest first, then the others."""
    newest = snapshot(lake, contract.name)
    released: dict[int, Release] = {}
    for decision in history(lake, contract.unit):
        if decision.state == "released" and contract.name in decision.pins:
            released.setdefault(decision.pins[contract.name], decision)
    yield from released.items()
    # held versions, too: whoever looks into a hold has the row_id of a candidate
    for version in range(newest.version if newest else -1, -1, -1):
        if version not in released:
            yield version, None


def _row(lake: Lake, table: str, version: int, row_id: str) -> dict[str, Any] | None:
    with connect() as connection:
        try:
            register_table(connection, lake, table, version)
            found = _dicts(connection, f'select * from "{table}" where row_id = ?', [row_id])
        except DatabaseError:  # the files of an old version may be vacuumed
            return None
    return found[0] if found else None


@dataclass(frozen=True)
class _Found:
    """A row, the version of the worklist that it stands in, and the release of that."""

    contract: Contract
    version: int
    release: Release | None
    row: Mapping[str, Any]


@dataclass(frozen=True)
class _Records:
    """Where the records behind rows are looked up.

    Attributes:
        connection: Shows the tables of `shown`.
        landing: Holds the files.
        formats: In whose raw tables the records may be.
    """

    connection: Connection
    shown: frozenset[str]
    landing: Path
    formats: Sequence[Format]


def _follow(lake: Lake, landing: Path, formats: Sequence[Format], found: _Found) -> Trace:
    with connect() as connection:
        pins, row, release = released_pins(lake), found.row, found.release
        raw = [each.raw.name for each in formats]
        # events as they are published; raw, which no release pins, as it is: it is append-only, so
        # what an old row names is still there
        for table in (EVENTS, *raw, QUARANTINE.name, ACTION.name):
            register_table(connection, lake, table, pins.get(table))
        shown = frozenset(name for (name,) in connection.execute("show tables").fetchall())
        records = _Records(connection, shown, landing, formats)
        events = _events(connection, row) if EVENTS in shown else []
        return Trace(
            row_id=row["row_id"],
            worklist=short_name(found.contract),
            day=row["day"],
            table_version=found.version,
            release_id=release.release_id if release else None,
            origin=_origin(records, row["source_ref"]),
            steps=tuple(
                Step(
                    event["event_type"],
                    event["from_state"],
                    event["to_state"],
                    event["source_trigger"],
                    bool(event["is_cancelled"]),
                    _origin(records, event["source_ref"]),
                )
                for event in events
            ),
        )


def _events(connection: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    subject = next((name for name in _SUBJECTS if row.get(name)), None)
    if subject is None:
        return []
    return _dicts(
        connection,
        f"select event_type, from_state, to_state, source_trigger, is_cancelled, source_ref"
        f" from {EVENTS} where {subject} = ?"
        " order by occurred_at nulls last, recorded_at nulls last, event_id",
        [row[subject]],
    )


def _origin(records: _Records, source_ref: str | None) -> Origin:
    # from the right: the name of a delivered file may hold `#` itself
    file, mark, number = (source_ref or "").rpartition("#")
    if not mark or not number.isdigit():
        return Origin(source_ref or "unknown")
    for each in records.formats:
        if each.raw.name in records.shown:
            found = records.connection.execute(
                f"select {each.title} from {each.raw.name} where file = ? and {each.position} = ?",
                [file, int(number)],
            ).fetchall()
            if found:
                return Origin(
                    str(source_ref),
                    records.landing / file,
                    f"{each.position} {number}",
                    str(found[0][0]),
                    _rejected(records, file, int(number)),
                )
    # in no raw table: file and number are still worth naming, for whoever opens the file
    return Origin(str(source_ref), records.landing / file, f"record {number}")


def _rejected(records: _Records, file: str, position: int) -> str:
    """Say where a record stood that a replay file brought again; empty for any other."""
    if ACTION.name not in records.shown:
        return ""
    found = records.connection.execute(
        f"select q.file || ' ' || q.place from {ACTION.name} as a"
        f" join {QUARANTINE.name} as q on q.quarantine_id = a.quarantine_id"
        " where a.file = ? and a.position = ?",
        [file, position],
    ).fetchall()
    return str(found[0][0]) if found else ""


def _dicts(connection: Connection, sql: str, values: list[object]) -> list[dict[str, Any]]:
    found = connection.execute(sql, values)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
