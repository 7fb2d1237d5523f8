"""From a stored record to what came of it, and from a key of the store back to its records.

Says where things are and what they are called: places, outcomes, names of events, tables and keys.
Never the text of a record or a value of it. Worklist rows are followed in `trace`,
what people have a name for in `whole_trace`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.stored_records import StoredRecords
from lakeward.quarantine.table import QUARANTINE
from lakeward.worklists.named import NAMED_IN, OUTCOMES, keys_called
from lakeward.worklists.record_origin import (
    EVENTS,
    Origin,
    Records,
    Step,
    found_rows,
    is_place,
    origin_of,
    places_called,
    records_of,
    steps_of,
    steps_of_row,
)
from lakeward.worklists.trace import Trace, find_row, follow_row
from lakeward.worklists.whole_trace import StoreRow, WholeTrace, whole_trace

NO_EFFECT = "canonical__no_effect"
_UNIT = "canonical"
_ROW_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Else no list is searched for it: each has a version a day."""
_SUBJECTS = ("visit_key", "patient_key", "bed_key", "referral_key", "order_key")


@dataclass(frozen=True)
class RecordTrace:
    """What came of a stored record.

    Attributes:
        origin: Where it stands.
        outcome: Its effect, or the reason why it has none.
        has_effect: Whether it has one; None where no release knows the record yet.
        meaning: The reason in words; empty for an effect.
        events: The events that it states.
        rows: The rows that bear its place now, what its events are about, and the row that it takes
            part in.
    """

    origin: Origin
    outcome: str
    has_effect: bool | None
    meaning: str
    events: tuple[Step, ...]
    rows: tuple[StoreRow, ...]

    def lines(self) -> list[str]:
        """Render the trace as text for a terminal."""
        state = {True: "effect", False: "no effect", None: "not known"}[self.has_effect]
        meaning = f": {self.meaning}" if self.meaning else ""
        return [
            f"record: {self.origin}",
            f"{state}: {self.outcome}{meaning}",
            "events:",
            *([f"  {event}" for event in self.events] or ["  none"]),
            "rows:",
            *([f"  {row}" for row in self.rows] or ["  none"]),
        ]


@dataclass(frozen=True)
class RowTrace:
    """A canonical row's way back: the latest record behind it, and the events of what it is."""

    row: StoreRow
    origin: Origin
    steps: tuple[Step, ...]

    def lines(self) -> list[str]:
        """Render the trace as text for a terminal."""
        steps = [f"  {step}: {step.origin}" for step in self.steps]
        return [f"row: {self.row}", f"change: {self.origin}", "events:", *(steps or ["  none"])]


Followed = Trace | RecordTrace | RowTrace | WholeTrace


def follow(
    lake: Lake,
    home: Home,
    what: str,
    formats: Sequence[StoredRecords],
    *,
    known_at: datetime | None = None,
) -> tuple[Followed, ...]:
    """Follow a worklist row, a record or a canonical row, whichever the text names.

    Args:
        lake: Holds the tables.
        home: Its `landing` holds the files.
        what: A row_id; a place (`<source>/<day>/<file>#<number>`); what the sender calls a record
            (control id, `Patient/1`); a key of a canonical row; or what people call a visit, a
            referral, a bed or a patient by.
        formats: In whose raw tables records may be.
        known_at: By the releases that were in force at an instant, and by the records stored then.

    Returns:
        One trace, or one for each record of that name.

    Raises:
        UsageError: It names nothing that is stored.
    """
    if _ROW_ID.fullmatch(what) and (listed := find_row(lake, what, known_at)):
        return (follow_row(lake, home, listed, formats, known_at),)
    if not is_place(what) and (whole := _whole(lake, home, what, formats, known_at)):
        return (whole,)
    contracts = [c for c in load_contracts().values() if c.unit == _UNIT]
    with connect() as connection:
        names = [contract.name for contract in contracts]
        records = records_of(connection, lake, home, formats, *names, known_at=known_at)
        if is_place(what):
            return (_record(records, contracts, what),)
        found: tuple[Followed, ...] = _rows_of_key(records, contracts, what)
        if not found:
            places = places_called(records, what)
            found = tuple(_record(records, contracts, place) for place in places)
    if not found:
        raise UsageError(
            "trace",
            "nothing that is stored has this name",
            "a row_id, <source>/<day>/<file>#<number>, a control id, Patient/1, a key, or"
            " the number of an appointment, visit, referral, bed or patient",
            "copy it from a list, a page or the file",
        )
    return found


def _whole(
    lake: Lake,
    home: Home,
    what: str,
    formats: Sequence[StoredRecords],
    known_at: datetime | None,
) -> WholeTrace | None:
    # few of the tables: each that is opened costs milliseconds
    with connect() as connection:
        records = records_of(connection, lake, home, formats, *NAMED_IN, known_at=known_at)
        keys = keys_called(records, what)
        return whole_trace(records, lake, home, keys, known_at=known_at) if keys else None


def _record(records: Records, contracts: Sequence[Contract], place: str) -> RecordTrace:
    origin = origin_of(records, place)
    if not origin.record:
        raise _not_stored(records, place)
    outcome, has_effect, meaning, key = _outcome(records, origin)
    rows = [row for contract in contracts for row in _rows_from(records, contract, place)]
    rows += [row for contract in contracts for row in _subjects(records, contract, place)]
    rows += [trace.row for trace in _rows_of_key(records, contracts, key)] if key else []
    events = steps_of(records, "source_ref", place)
    return RecordTrace(origin, outcome, has_effect, meaning, events, tuple(dict.fromkeys(rows)))


def _outcome(records: Records, origin: Origin) -> tuple[str, bool | None, str, str | None]:
    """Return outcome, whether it is an effect, its meaning, and the key of what it is about."""
    unknown = ("not in a release yet", None, "", None)
    if not {OUTCOMES, NO_EFFECT} <= records.shown:
        return unknown
    found = records.connection.execute(
        f"select o.outcome, o.has_effect, coalesce(max(n.meaning), ''), o.object_key"
        f" from {OUTCOMES} as o left join {NO_EFFECT} as n"
        " on not o.has_effect and n.reason = o.outcome and n.record_type = o.record_type"
        " where o.source_ref = ? group by o.outcome, o.has_effect, o.object_key",
        [origin.source_ref],
    ).fetchall()
    # types that no table reads are counted and not listed
    found = (
        found
        or records.connection.execute(
            f"select reason, false, meaning, null from {NO_EFFECT} where source_system = ?"
            " and record_type = ? and reason = 'type_not_read' and part = 'record'",
            [origin.source_ref.split("/")[0], origin.record.split(" ")[0]],
        ).fetchall()
    )
    return found[0] if found else unknown


def _rows_from(records: Records, contract: Contract, place: str) -> list[StoreRow]:
    """List the rows of a table that bear a place as theirs; events are shown by themselves."""
    key = _key_of(contract)
    if contract.name not in records.shown or key is None or not contract.column("source_ref"):
        return []
    found = records.connection.execute(
        f'select "{key}" from "{contract.name}" where source_ref = ? order by 1', [place]
    ).fetchall()
    return [StoreRow(contract.name, str(value)) for (value,) in found]


def _subjects(records: Records, contract: Contract, place: str) -> list[StoreRow]:
    """List the rows of a table that the events of a record are about."""
    key = _key_of(contract)
    if key not in _SUBJECTS or EVENTS not in records.shown:
        return []
    found = records.connection.execute(
        f"select distinct {key} from {EVENTS}"
        f" where source_ref = ? and {key} is not null order by 1",
        [place],
    ).fetchall()
    return [StoreRow(contract.name, str(value)) for (value,) in found]


def _rows_of_key(
    records: Records, contracts: Sequence[Contract], value: str
) -> tuple[RowTrace, ...]:
    """Return the canonical rows whose key is this value."""
    traces: list[RowTrace] = []
    for contract in contracts:
        key = _key_of(contract)
        if contract.name in records.shown and key and contract.column("source_ref"):
            found: list[dict[str, Any]] = found_rows(
                records.connection, f'select * from "{contract.name}" where "{key}" = ?', [value]
            )
            traces += [
                RowTrace(
                    StoreRow(contract.name, value),
                    origin_of(records, row["source_ref"]),
                    steps_of_row(records, row),
                )
                for row in found
            ]
    return tuple(traces)


def _key_of(contract: Contract) -> str | None:
    """Return the one column that is the key, if it is a key of ours and no value of a record."""
    names = contract.primary_key
    own = len(names) == 1 and names[0].endswith(("_key", "_id"))
    return names[0] if own else None


def _not_stored(records: Records, place: str) -> UsageError:
    file, _, number = place.rpartition("#")
    if QUARANTINE.name in records.shown:
        found = records.connection.execute(
            f"select quarantine_id from {QUARANTINE.name} where file = ? and position = ?",
            [file, int(number)],
        ).fetchall()
        if found:
            return UsageError(
                place,
                "was rejected and is in quarantine",
                "a stored record",
                f"lakeward quarantine show {found[0][0]}",
            )
    return UsageError(
        place,
        "no stored record stands there",
        "a record that is no duplicate of an earlier one",
        "see the file in `lakeward sql 'select * from ledger'`",
    )
