"""A change whole: the records behind a visit, referral or bed, its row in the store, and its lists.

    record ──> events ──> row of the store ──> rows of worklists ──> revisions and their files

Places, names of events, keys, states and files; never a value of a record.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.lake.tables import Lake
from lakeward.worklists.documents import lists_by_name
from lakeward.worklists.named import REFERRALS, VISITS, Keys
from lakeward.worklists.outbox import Folder, delivered_row
from lakeward.worklists.record_origin import (
    Origin,
    Records,
    Step,
    found_rows,
    origin_of,
    steps_of,
)
from lakeward.worklists.rows import ACTION
from lakeward.worklists.why import IN_WORDS, ListAnswer, Why, said_of

WHOLE = 3
"""How many visits, referrals and beds are shown whole; a patient has more, which are named."""
DELIVERED_DAYS = 3
"""Of how many days' lists it is looked up what was delivered, the newest first."""
_TABLES = {"visit_key": VISITS, "referral_key": REFERRALS, "bed_key": "canonical__bed"}


@dataclass(frozen=True)
class StoreRow:
    """A row of a canonical table, by the table and its key."""

    table: str
    key: str

    def __str__(self) -> str:
        """Render it in one line."""
        return f"{self.table} {self.key}"


@dataclass(frozen=True)
class DeliveredRow:
    """What a consumer got of a row: the revision of a day, what it was in it, and the files."""

    day: date
    revision: int
    action: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        """Render it in one line."""
        files = ", ".join(self.files) or "files taken away"
        return f"delivered for {self.day} as {self.action} in revision {self.revision}: {files}"


@dataclass(frozen=True)
class OnList:
    """What a list says of it, and what was delivered of that."""

    worklist: str
    day: date
    answer: ListAnswer
    deliveries: tuple[DeliveredRow, ...]

    def lines(self) -> list[str]:
        """Render it as text for a terminal."""
        answer = self.answer
        rank = f", rank {answer.rank}, row {answer.row_id}" if answer.rank is not None else ""
        why = f" ({', '.join(each.name for each in answer.because)})" if answer.because else ""
        head = f"  {self.worklist} of {self.day}: {IN_WORDS[answer.verdict]}{rank}{why}"
        return [head, *(f"    {each}" for each in self.deliveries)]


@dataclass(frozen=True)
class SubjectTrace:
    """All that is known of one visit, referral or bed."""

    row: StoreRow
    state: str | None
    origin: Origin
    steps: tuple[Step, ...]
    lists: tuple[OnList, ...]

    def lines(self) -> list[str]:
        """Render it as text for a terminal."""
        return [
            f"row: {self.row}, {self.state or 'no state'}",
            f"change: {self.origin}",
            "events:",
            *([f"  {step}: {step.origin}" for step in self.steps] or ["  none"]),
            "lists:",
            *([line for each in self.lists for line in each.lines()] or ["  none looks at it"]),
        ]


@dataclass(frozen=True)
class WholeTrace:
    """All that a name stands for: the newest whole, the other ones by their keys."""

    patients: tuple[StoreRow, ...]
    subjects: tuple[SubjectTrace, ...]
    more: tuple[StoreRow, ...]

    def lines(self) -> list[str]:
        """Render it as text for one screen."""
        return [
            *(f"patient: {row}" for row in self.patients),
            *(line for subject in self.subjects for line in subject.lines()),
            *([f"and {len(self.more)} more, each by its key: see --json"] if self.more else []),
        ]


@dataclass(frozen=True)
class _Found:
    """A row of the store, and what is read of it."""

    row: StoreRow
    column: str
    state: str | None
    ref: str | None

    @property
    def order(self) -> tuple[str, str]:
        """The day of the delivery behind it, then the key."""
        return ((self.ref or "").partition("/")[2][:10], self.row.key)


def whole_trace(
    records: Records, lake: Lake, home: Home, keys: Keys, *, known_at: datetime | None = None
) -> WholeTrace:
    """Follow what keys stand for from the records behind it to the files of the lists.

    Args:
        records: Shows the canonical tables that are released.
        lake: Holds the lists.
        home: Its outbox holds what was delivered.
        keys: Of visits, referrals, beds and patients.
        known_at: By the lists that were released by an instant; what was delivered by then is in
            the audit table, and left out here.
    """
    found = _rows(records, keys)
    shown, more = found[:WHOLE], found[WHOLE:]
    lists = _said_of(records, lake, home, shown, known_at)
    return WholeTrace(
        tuple(StoreRow("canonical__patient", key) for key in keys.patients),
        tuple(
            SubjectTrace(
                row=each.row,
                state=each.state,
                origin=origin_of(records, each.ref),
                steps=steps_of(records, each.column, each.row.key),
                lists=tuple(
                    on for said in lists for on in _on_list(None if known_at else home, said, each)
                ),
            )
            for each in shown
        ),
        tuple(each.row for each in more),
    )


def _rows(records: Records, keys: Keys) -> list[_Found]:
    """List the rows of the store with these keys, those that were delivered last first."""
    found = []
    for column, values in keys.of_rows.items():
        table = _TABLES[column]
        if values and table in records.shown:
            query = f"select * from {table} where {column} in (select unnest(?))"
            for row in found_rows(records.connection, query, [list(values)]):
                state = row.get("main_state") or row.get("state")
                ref = row.get("last_change_ref") or row.get("source_ref")
                found.append(_Found(StoreRow(table, row[column]), column, state, ref))
    return sorted(found, key=lambda each: each.order, reverse=True)


def _said_of(
    records: Records, lake: Lake, home: Home, shown: list[_Found], known_at: datetime | None
) -> list[Why]:
    """Ask each list that is released once, about all that is shown."""
    of = {c: tuple(each.row.key for each in shown if each.column == c) for c in _TABLES}
    keys = Keys(of["visit_key"], of["referral_key"], of["bed_key"])
    said = []
    for contract in lists_by_name().values():
        try:
            said.append(said_of(lake, home, keys, contract, records.formats, known_at))
        except UsageError:  # a list that is not released yet says nothing
            continue
    return said


def _on_list(home: Home | None, said: Why, found: _Found) -> list[OnList]:
    days: list[Path] = []
    if home is not None:
        outbox = home.outbox / lists_by_name()[said.worklist].consumer
        days = sorted(outbox.glob("????-??-??"), reverse=True)[:DELIVERED_DAYS]
    return [
        OnList(
            said.worklist,
            said.day,
            answer,
            tuple(d for day in days if (d := _delivered(Folder(day, ""), answer.row_id))),
        )
        for answer in said.answers
        if (f"{answer.kind}_key", answer.key) == (found.column, found.row.key)
    ]


def _delivered(folder: Folder, row_id: str) -> DeliveredRow | None:
    delivered = delivered_row(folder, row_id)
    if delivered is None:
        return None
    exported, row = delivered
    files = tuple(sorted(p.name for p in folder.path.glob(f"*_r{exported.revision:02}.*")))
    day = date.fromisoformat(folder.path.name)
    return DeliveredRow(day, exported.revision, str(row[ACTION]), files)
