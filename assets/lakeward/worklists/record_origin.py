"""Where the records behind rows stand, and the events of what a row is about.

Files, positions, names of events and keys; never a name, a time of a visit or a value of a record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lakeward.core.paths import Home
from lakeward.lake.query import Connection, register_table
from lakeward.lake.release import pins_known_at, released_pins, unreleased_tables
from lakeward.lake.tables import Lake, table_names
from lakeward.landing.stored_records import StoredRecords
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.trail import ACTION

EVENTS = "canonical__visit_event"
SUBJECTS = ("visit_key", "referral_key", "bed_key")
"""Columns of an event that say what it is about."""
MOST_RECORDS = 20
"""Records of one name that are followed; the first deliver the answer."""


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
    """One event, in order of happening."""

    event_type: str
    from_state: str | None
    to_state: str | None
    trigger: str | None
    is_cancelled: bool
    origin: Origin

    def __str__(self) -> str:
        """Render it in one line, without its origin."""
        states = f" {self.from_state or '-'} -> {self.to_state}" if self.to_state else ""
        return f"{self.event_type}{states}{' (cancelled)' if self.is_cancelled else ''}"


@dataclass(frozen=True)
class Records:
    """Where the records behind rows are looked up.

    Attributes:
        connection: Shows the tables of `shown`.
        landing: Holds the files.
        formats: In whose raw tables the records may be.
    """

    connection: Connection
    shown: frozenset[str]
    landing: Path
    formats: Sequence[StoredRecords]


def records_of(
    connection: Connection,
    lake: Lake,
    home: Home,
    formats: Sequence[StoredRecords],
    *tables: str,
    pins: Mapping[str, int] | None = None,
    known_at: datetime | None = None,
) -> Records:
    """Show events, raw tables, quarantine and the tables named; those that exist.

    Args:
        connection: Where they are shown.
        lake: Holds them.
        home: Its `landing` holds the files.
        formats: In whose raw tables the records may be.
        tables: More tables to show.
        pins: Their versions; default: those that are released.
        known_at: Those that were released, and what the others held, at an instant.
    """
    pins = released_pins(lake, known_at) if pins is None else pins
    raw = [each.table for each in formats]
    # events as they are published; raw, which no release pins, as it is: it is append-only, so
    # what an old row names is still there
    named = {EVENTS, *raw, QUARANTINE.name, ACTION.name, *tables}
    if known_at is not None:
        past = pins_known_at(lake, known_at, [t for t in table_names(lake) if t in named])
        pins = {**past, **pins}
        # a contracted table that no release showed by then was not there to be seen
        named -= unreleased_tables(lake, released_pins(lake, known_at)) | (named - pins.keys())
    for table in sorted(named):
        register_table(connection, lake, table, pins.get(table))
    shown = frozenset(name for (name,) in connection.execute("show tables").fetchall())
    return Records(connection, shown, home.landing, formats)


def steps_of(records: Records, column: str, value: object) -> tuple[Step, ...]:
    """Return the events that have this value in a column of theirs."""
    if EVENTS not in records.shown:
        return ()
    events = found_rows(
        records.connection,
        f"select event_type, from_state, to_state, source_trigger, is_cancelled, source_ref"
        f" from {EVENTS} where {column} = ?"
        " order by occurred_at nulls last, recorded_at nulls last, event_id",
        [value],
    )
    return tuple(
        Step(
            event["event_type"],
            event["from_state"],
            event["to_state"],
            event["source_trigger"],
            bool(event["is_cancelled"]),
            origin_of(records, event["source_ref"]),
        )
        for event in events
    )


def steps_of_row(records: Records, row: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the events of the visit, referral or bed that a row is about."""
    subject = next((name for name in SUBJECTS if row.get(name)), None)
    return steps_of(records, subject, row[subject]) if subject else ()


def origin_of(records: Records, source_ref: str | None) -> Origin:
    """Return the place that a reference names, with what the lake knows of the record there."""
    # from the right: the name of a delivered file may hold `#` itself
    file, mark, number = (source_ref or "").rpartition("#")
    if not mark or not number.isdigit():
        return Origin(source_ref or "unknown")
    for each in records.formats:
        if each.table in records.shown:
            found = records.connection.execute(
                f"select {each.title} from {each.table} where file = ? and {each.position} = ?",
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


def is_place(what: str) -> bool:
    """Return whether a text has the form of a place, `<source>/<day>/<file>#<number>`."""
    file, _, number = what.rpartition("#")
    return number.isdigit() and file.count("/") >= 2


def places_called(records: Records, name: str) -> list[str]:
    """List the places of the records that a sender calls so, in order of arrival."""
    places: list[str] = []
    for each in records.formats:
        if each.table in records.shown:
            found = records.connection.execute(
                f"select file || '#' || {each.position} from {each.table}"
                f" where {each.called} = ? order by source, received, {each.position} limit ?",
                [name, MOST_RECORDS],
            ).fetchall()
            places += [place for (place,) in found]
    return places


def _rejected(records: Records, file: str, position: int) -> str:
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


def found_rows(connection: Connection, sql: str, values: Sequence[object]) -> list[dict[str, Any]]:
    """Return the rows of a query, each by column name."""
    found = connection.execute(sql, list(values))
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
