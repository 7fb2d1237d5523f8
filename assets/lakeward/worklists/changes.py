"""What became of each row since its consumer saw it last, on whatever day that was.

Pure functions over rows; reading what was delivered belongs to `outbox`, reading what is released
to `rows`. Two kinds of lists:

    daily   a list holds every row that there is; a row that is gone is removed
    once    a list holds what is new or changed since the earlier days' lists; a row that is gone is
            removed while its day is not over (`listed_until`), and after that it is done
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from lakeward.contracts.list_terms import LISTED_UNTIL, ListTerms
from lakeward.worklists.rows import ACTION, KEY, NOTICE, RANK, STALE_SINCE, Plain, Row

AS_OF = "data_as_of"
OF_THE_LIST = (STALE_SINCE, AS_OF, NOTICE)
"""Columns that say the same in all rows: a removed row has those of the list that removes it."""
NOT_COMPARED = frozenset({ACTION, RANK, *OF_THE_LIST})
"""Columns whose change alone does not make a row `changed`: a row may move up a list untouched."""
REMOVED, NEW, CHANGED, UNCHANGED = "removed", "new", "changed", "unchanged"


@dataclass(frozen=True)
class Known:
    """What a consumer knows before a list is made.

    Attributes:
        listed: Rows of the list that it got last, tombstones among them.
        earlier: Rows of earlier days' lists that are still due and need not be sent again.
    """

    listed: Sequence[Row] = ()
    earlier: Sequence[Row] = ()

    def without(self, past: Collection[str]) -> "Known":
        """Return what is known but for rows whose time is past: they are done, not removed."""
        listed, earlier = (
            [row for row in rows if row[KEY] not in past] for rows in (self.listed, self.earlier)
        )
        return Known(listed, earlier)

    def on_a_later_day(self, day: date, terms: ListTerms, *, is_withdrawn: bool) -> "Known":
        """Return what is known of it when the first list of a later day is made.

        Args:
            day: The later day.
            terms: Of the list.
            is_withdrawn: Nobody may have acted on the list that it got last: its rows go out again.
        """
        if not terms.is_sent_once:
            return self
        listed, earlier = (
            [row for row in rows if row[ACTION] != REMOVED and _is_due(row, day)]
            for rows in (self.listed, self.earlier)
        )
        return Known(listed, earlier) if is_withdrawn else Known((), [*listed, *earlier])


@dataclass(frozen=True)
class Changes:
    """A list as it is to leave: its rows by rank with their actions, then tombstones by row_id.

    `earlier` are rows that are on it too and that an earlier day's list delivered as they are.
    """

    listed: tuple[Row, ...]
    earlier: tuple[Row, ...]

    def same_as(self, known: Known) -> bool:
        """Return whether the list says exactly what the consumer got last."""
        # tombstones are listed once; without this a list with tombstones would never be the same
        live = [row for row in known.listed if row[ACTION] != REMOVED]
        return list(_without_action(self.listed)) == list(_without_action(live))


def changes_since(
    known: Known,
    rows: Sequence[Row],
    columns: Sequence[str],
    terms: ListTerms,
    of_the_list: Row | None = None,
) -> Changes:
    """Compare a list as it is now with what its consumer knows.

    Args:
        known: What the consumer knows.
        rows: The list now, by rank, without actions.
        columns: Columns that leave, in order.
        terms: Of the list.
        of_the_list: Values of the columns that say the same in all rows, for removed ones.
    """
    # a row that was removed before and comes back is new to whoever follows the actions
    listed = {row[KEY]: row for row in known.listed if row[ACTION] != REMOVED}
    earlier = {row[KEY]: row for row in known.earlier if row[KEY] not in listed}
    compared = frozenset(columns) - NOT_COMPARED - frozenset(terms.aging_columns)
    leaving: list[Row] = []
    sent: list[Row] = []
    for row in rows:
        old = listed.pop(row[KEY], None)
        sent_before = earlier.pop(row[KEY], None) if old is None else None
        if sent_before is not None and _same(row, sent_before, compared):
            sent.append(sent_before)
            continue
        before = old or sent_before
        action = NEW if before is None else UNCHANGED if _same(row, before, compared) else CHANGED
        # ranks run without a gap, whatever was sent before
        leaving.append({**row, ACTION: action, RANK: len(leaving) + 1})
    gone = sorted({**listed, **earlier}.values(), key=lambda row: str(row[KEY]))
    tombstones = [{**_tombstone(row, columns, terms), **(of_the_list or {})} for row in gone]
    return Changes(tuple(_in_order([*leaving, *tombstones], columns)), tuple(sent))


def _is_due(row: Row, day: date) -> bool:
    # text in ISO form sorts as days do; rows from before the list left once have no such day
    return str(row.get(LISTED_UNTIL) or "") >= day.isoformat()


def _same(row: Row, old: Row, compared: frozenset[str]) -> bool:
    # a column that the contract has gained since is no change of the row
    return all(row.get(name) == old[name] for name in compared if name in old)


def _tombstone(row: Row, columns: Sequence[str], terms: ListTerms) -> dict[str, Plain]:
    """Return what a removed row was, without a position and without the way to reach anybody."""
    hidden = {RANK, *terms.contact_columns}
    kept = {name: None if name in hidden else row.get(name) for name in columns}
    return {**kept, ACTION: REMOVED}


def _in_order(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[Row]:
    for row in rows:
        kept = [*columns, LISTED_UNTIL] if LISTED_UNTIL in row else columns
        yield {name: row.get(name) for name in kept}


def _without_action(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        yield {name: value for name, value in row.items() if name != ACTION}
