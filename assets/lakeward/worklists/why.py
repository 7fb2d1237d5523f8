"""Why something is on a worklist of a day, or is not: what the release of that day says of it.

Read from the versions that the releases of the day pin, and not decided here: `worklist__criteria`
holds the criteria that fail, `worklist__suppression` the reason of what is left off. Shows keys,
places, states and days; never a name, a number to call or another identifier of a person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from lakeward.contracts import Contract
from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.lake.query import connect
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake
from lakeward.landing.stored_records import StoredRecords
from lakeward.worklists.documents import lists_by_name, short_name
from lakeward.worklists.named import NAMED_IN, Keys, keys_named
from lakeward.worklists.outbox import ExportedRevision, Folder, last_exported
from lakeward.worklists.record_origin import Origin, Records, found_rows, origin_of, records_of
from lakeward.worklists.rows import ACTION, KEY, SUPPRESSION

CRITERIA = "worklist__criteria"
_CANONICAL = "canonical"
SHOWN = 8
"""Answers that fit a screen; the other ones are counted, and all stand in JSON."""

Verdict = Literal["listed", "suppressed", "left_out", "not_a_candidate"]
_ORDER: Sequence[Verdict] = ("listed", "left_out", "suppressed", "not_a_candidate")
IN_WORDS: Mapping[Verdict, str] = {
    "listed": "on the list",
    "suppressed": "suppressed",
    "left_out": "the list was released without it, since its row breaks a rule",
    "not_a_candidate": "not a candidate row",
}


@dataclass(frozen=True)
class Failed:
    """A criterion that fails, or the reason of a suppression, with its words."""

    name: str
    meaning: str

    def __str__(self) -> str:
        """Render it in one line."""
        return f"{self.name}: {self.meaning}"


@dataclass(frozen=True)
class ListAnswer:
    """What the release says of one visit, referral or bed.

    Attributes:
        kind: `referral`, `visit`, `bed` or `patient`; `row` where it is of none of them.
        key: Its key.
        verdict: What became of it.
        row_id: Of the list; a suppressed row has the one that it would have.
        rank: Position on the list, where it is on it.
        action: What it was to the consumer in the revision delivered last for the day, if it was.
        reason: The words of the row, where it is on the list.
        because: The criteria that fail, or the reason of the suppression.
        facts: By which criteria and suppressions are decided.
        basis: The record behind it.
    """

    kind: str
    key: str
    verdict: Verdict
    row_id: str
    rank: int | None
    action: str | None
    reason: str | None
    because: tuple[Failed, ...]
    facts: Mapping[str, str]
    basis: Origin

    def lines(self) -> list[str]:
        """Render the answer as text for a terminal."""
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        action = f", action {self.action}" if self.action else ""
        row = f"row {self.row_id}, rank {self.rank}{action}"
        return [
            f"{self.kind} {self.key}: {IN_WORDS[self.verdict]}",
            *([f"  {row}", f"  reason: {self.reason}"] if self.verdict == "listed" else []),
            *(f"  {'fails' if self.row_fails else 'since'} {each}" for each in self.because),
            f"  facts: {facts}",
            f"  basis: {self.basis}",
        ]

    @property
    def row_fails(self) -> bool:
        """Whether a criterion fails, and not a candidate row is suppressed."""
        return self.verdict == "not_a_candidate"


@dataclass(frozen=True)
class Why:
    """What a worklist of a day says of all that a name stands for, and the releases that say it."""

    worklist: str
    day: date
    as_of: datetime
    release_id: str
    table_version: int
    store_release_id: str | None
    answers: tuple[ListAnswer, ...]

    def lines(self) -> list[str]:
        """Render the answers as text for one screen."""
        head = f"{self.worklist} of {self.day}, release {self.release_id}"
        shown = [line for answer in self.answers[:SHOWN] for line in answer.lines()]
        more = len(self.answers) - SHOWN
        none = "the list looks at nothing that this name stands for"
        return [
            f"{head}, table version {self.table_version}, data up to {self.as_of.isoformat()}",
            *(shown or [none]),
            *([f"and {more} more: see --json"] if more > 0 else []),
        ]


@dataclass(frozen=True)
class _Releases:
    """The decisions that a list of a day stands on."""

    listed: Release
    criteria: Release
    store: Release | None

    @property
    def pins(self) -> dict[str, int]:
        return {
            **(self.store.pins if self.store else {}),
            **self.criteria.pins,
            **self.listed.pins,
        }


def why(
    lake: Lake,
    home: Home,
    name: str,
    worklist: str,
    day: date | None,
    formats: Sequence[StoredRecords],
    *,
    known_at: datetime | None = None,
) -> Why:
    """Say why what a name stands for is on a worklist, or is not.

    Args:
        lake: Holds the releases.
        home: Its outbox says what was delivered.
        name: A patient's number, an appointment id, a visit number, a bed, a key, a row_id, ...
        worklist: Short name of the list.
        day: Whose list; None is the newest one that is released.
        formats: In whose raw tables the records behind rows may be.
        known_at: Answer by the releases that were in force at an instant; without an action, since
            what was delivered then may have been superseded.

    Raises:
        UsageError: There is no such list, no release of it for the day, or nothing of that name.
    """
    contract = _contract(worklist)
    releases = _releases(lake, contract, day, known_at)
    with connect() as connection:
        tables = (*NAMED_IN, contract.name, CRITERIA, SUPPRESSION)
        records = records_of(connection, lake, home, formats, *tables, pins=releases.pins)
        keys = keys_named(records, name)
        rows = _considered(records, worklist, name, keys)
        if not rows and not keys:
            raise UsageError(
                "why",
                f"the store of {releases.listed.day} knows nothing by this name",
                "a number of a patient, an appointment id, a visit number, a bed or a key",
                "copy it from a list or a file",
            )
        return _said(records, contract, releases, rows, None if known_at else home)


def said_of(
    lake: Lake,
    home: Home,
    keys: Keys,
    contract: Contract,
    formats: Sequence[StoredRecords],
    known_at: datetime | None = None,
) -> Why:
    """Say what the newest released list, or that of an instant, says of keys.

    Raises:
        UsageError: The list is not released.
    """
    releases = _releases(lake, contract, None, known_at)
    with connect() as connection:
        tables = (contract.name, CRITERIA, SUPPRESSION)
        records = records_of(connection, lake, home, formats, *tables, pins=releases.pins)
        rows = _considered(records, short_name(contract), "", keys)
        return _said(records, contract, releases, rows, None if known_at else home)


def _said(
    records: Records,
    contract: Contract,
    releases: _Releases,
    rows: Sequence[Mapping[str, Any]],
    home: Home | None,
) -> Why:
    """Make the answers; without a home none says what was delivered."""
    delivered = last_exported(_folder(home, contract, releases.listed.day)) if home else None
    answers = [_answer(records, contract, row, delivered) for row in rows]
    return Why(
        worklist=short_name(contract),
        day=releases.listed.day,
        as_of=releases.listed.as_of,
        release_id=releases.listed.release_id,
        table_version=releases.listed.pins[contract.name],
        store_release_id=releases.store.release_id if releases.store else None,
        answers=tuple(sorted(answers, key=lambda a: _ORDER.index(a.verdict))),
    )


def _contract(worklist: str) -> Contract:
    known = lists_by_name()
    if worklist not in known:
        raise UsageError(f"list {worklist}", "unknown", " or ".join(known), "name one of them")
    return known[worklist]


def _releases(
    lake: Lake, contract: Contract, day: date | None, known_at: datetime | None
) -> _Releases:
    """Find the release of a list, and those that say what it looked at and what the store held."""
    decisions = [r for r in history(lake) if known_at is None or r.created_at <= known_at]
    released = [r for r in decisions if r.state == "released"]
    listed = _first(r for r in released if r.unit == contract.unit and day in (None, r.day))
    if listed is None:
        raise _not_released(decisions, contract, day)
    # a list that is made at a time of its own has criteria of its own cut-off: those of another
    # list of the day stand on other data
    same = [
        r
        for r in released
        if r.unit == SUPPRESSION and (r.day, r.as_of) == (listed.day, listed.as_of)
    ]
    own = [r for r in same if r.run_id == listed.run_id]
    criteria = _first(r for r in [*own, *same] if CRITERIA in r.pins)
    if criteria is None:
        raise UsageError(
            f"list {short_name(contract)}",
            "no release says what it looked at with this cut-off",
            "a day of which worklist__criteria is released",
            "run `lakeward release list`",
        )
    store = _first(r for r in released if r.unit == _CANONICAL and r.sequence < listed.sequence)
    return _Releases(listed, criteria, store)


def _first(releases: Iterable[Release]) -> Release | None:
    return next(iter(releases), None)


def _not_released(decisions: Sequence[Release], contract: Contract, day: date | None) -> UsageError:
    own = [r for r in decisions if r.unit in (contract.unit, _CANONICAL) and r.day == day]
    held = _first(r for r in own if r.state == "held")
    days = sorted({r.day for r in decisions if r.unit == contract.unit and r.state == "released"})
    what = f"held on {day} by {', '.join(held.held_by)}" if held else f"not released for {day}"
    return UsageError(
        f"list {short_name(contract)}",
        what if day else "not released yet",
        f"a day from {days[0]} to {days[-1]}" if days else "a released day",
        f"lakeward release show {held.release_id}" if held else "run `lakeward release list`",
    )


def _considered(records: Records, worklist: str, name: str, keys: Keys) -> list[dict[str, Any]]:
    """Return what the list looked at of these keys, with its row or its suppression, if any."""
    listed = f"worklist__{worklist}"
    # a task or a result may be of a patient alone
    columns = {**keys.of_rows, "patient_key": keys.patients}
    found = " or ".join(f"c.{column} in (select unnest(?))" for column in columns)
    return found_rows(
        records.connection,
        "select c.*, l.rank, l.reason, l.row_id is not null as is_listed,"
        f" s.reason as suppressed_by from {CRITERIA} as c"
        f" left join {listed} as l on l.row_id = c.row_id"
        f" left join {SUPPRESSION} as s on s.row_id = c.row_id"
        f" where c.worklist = ? and (c.row_id = ? or {found})"
        # what the day knows last comes first: a patient has a long past
        " order by split_part(c.source_ref, '/', 2) desc, c.row_id",
        [worklist, name, *(list(values) for values in columns.values())],
    )


def _answer(
    records: Records, contract: Contract, row: Mapping[str, Any], delivered: ExportedRevision | None
) -> ListAnswer:
    verdict = _verdict(row)
    kind, key = _subject(row)
    words = {**contract.terms.criteria, **contract.terms.suppressions}
    names = [row["suppressed_by"]] if verdict == "suppressed" else row["failed_criteria"]
    return ListAnswer(
        kind=kind,
        key=key,
        verdict=verdict,
        row_id=row[KEY],
        rank=row["rank"],
        action=_action(delivered, row[KEY]) if verdict == "listed" else None,
        reason=row["reason"],
        because=tuple(Failed(name, words.get(name, "")) for name in names),
        facts=dict(fact.split("=", 1) for fact in row["facts"]),
        basis=origin_of(records, row["source_ref"]),
    )


def _subject(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a row is about: a task or a result may have no visit, and no patient either."""
    kinds = (name for name in ("referral", "visit", "bed", "patient") if row[f"{name}_key"])
    kind = next(kinds, "row")
    return kind, str(row[f"{kind}_key"] if kind != "row" else row[KEY])


def _verdict(row: Mapping[str, Any]) -> Verdict:
    if row["is_listed"]:
        return "listed"
    if row["suppressed_by"]:
        return "suppressed"
    return "left_out" if row["is_candidate"] else "not_a_candidate"


def _action(delivered: ExportedRevision | None, row_id: str) -> str | None:
    if delivered is None:
        return None
    sent = (row[ACTION] for row in delivered.rows if row[KEY] == row_id)
    earlier = ("delivered before" for row in delivered.earlier if row[KEY] == row_id)
    return next((str(action) for action in (*sent, *earlier)), None)


def _folder(home: Home, contract: Contract, day: date) -> Folder:
    return Folder(home.outbox / contract.consumer / day.isoformat(), "")
