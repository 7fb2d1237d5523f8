"""Actions: every row says what became of it since the consumer saw it last, on whatever day."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakeward.contracts.list_terms import LISTED_UNTIL, ListTerms
from lakeward.worklists.changes import Known, changes_since
from lakeward.worklists.rows import Row

COLUMNS = ("row_id", "action", "rank", "note", "age_days", "contact")
DAILY = ListTerms(aging_columns=("age_days",), contact_columns=("contact",))
ONCE = ListTerms(is_sent_once=True, contact_columns=("contact",))
FIRST = date(2026, 1, 5)
LISTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"))


def _rows(notes: dict[str, str], age: int = 0, until: date | None = None) -> list[Row]:
    due: dict[str, Any] = {LISTED_UNTIL: until.isoformat()} if until else {}
    return [
        {"row_id": k, "rank": i, "note": n, "age_days": age, "contact": f"c-{k}", **due}
        for i, (k, n) in enumerate(notes.items(), 1)
    ]


def _actions(rows: Any) -> dict[str, str]:
    return {row["row_id"]: row["action"] for row in rows}


@given(st.lists(LISTS, min_size=1, max_size=6))
def test_a_consumer_who_follows_the_actions_has_the_list_over_any_days(
    days: list[dict[str, str]],
) -> None:
    """The oracle: a dictionary that does what the actions say, from the first day on."""
    held: dict[Any, Any] = {}
    known = Known()
    for number, notes in enumerate(days):
        made = changes_since(known, _rows(notes, age=number), COLUMNS, DAILY)
        for row in made.listed:
            if row["action"] == "removed":
                assert (row["note"], row["contact"]) == (held.pop(row["row_id"]), None)
                continue
            before = held.get(row["row_id"])
            expected = (
                "new" if before is None else "unchanged" if before == row["note"] else "changed"
            )
            assert row["action"] == expected
            held[row["row_id"]] = row["note"]
        assert held == notes
        # a night later, a list of days that grow older is the same list
        known = Known(made.listed, made.earlier).on_a_later_day(
            FIRST + timedelta(days=number + 1), DAILY, is_withdrawn=False
        )


@given(LISTS, LISTS)
def test_removed_rows_are_listed_once(first: dict[str, str], second: dict[str, str]) -> None:
    one = changes_since(Known(), _rows(first), COLUMNS, DAILY)
    two = changes_since(Known(one.listed), _rows(second), COLUMNS, DAILY)
    three = changes_since(Known(two.listed), _rows(second), COLUMNS, DAILY)
    assert set(_actions(three.listed).values()) <= {"unchanged"}
    assert changes_since(Known(three.listed), _rows(second), COLUMNS, DAILY).same_as(
        Known(three.listed)
    )


def test_moving_up_is_no_change_of_the_row_but_one_of_the_list() -> None:
    listed = changes_since(Known(), _rows({"a": "x", "b": "x"}), COLUMNS, DAILY).listed
    turned = changes_since(Known(listed), _rows({"b": "x", "a": "x"}), COLUMNS, DAILY)
    assert set(_actions(turned.listed).values()) == {"unchanged"}
    assert not turned.same_as(Known(listed))


def test_a_removed_row_says_what_it_was_and_reaches_nobody() -> None:
    listed = changes_since(Known(), _rows({"a": "Monday 9:00"}), COLUMNS, ONCE).listed
    gone = changes_since(Known(listed), [], COLUMNS, ONCE, {"data_as_of": "now"}).listed
    assert gone == (
        {
            "row_id": "a",
            "action": "removed",
            "rank": None,
            "note": "Monday 9:00",
            "age_days": 0,
            "contact": None,
        },
    )


@dataclass
class Vendor:
    """The oracle of a list whose rows leave once: what the vendor holds, and was sent by day."""

    held: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[int, str, str, str]] = field(default_factory=list)

    def take(self, day: int, rows: Any) -> None:
        for row in rows:
            self.sent.append((day, row["row_id"], row["note"], row["action"]))
            if row["action"] == "removed":
                del self.held[row["row_id"]]
            else:
                self.held[row["row_id"]] = row["note"]


@given(st.lists(st.lists(LISTS, min_size=1, max_size=3), min_size=1, max_size=5))
def test_a_row_that_leaves_once_is_sent_once_for_each_state_it_has(
    days: list[list[dict[str, str]]],
) -> None:
    """All rows are due beyond the last day, so the vendor always holds the list as it is."""
    vendor, known = Vendor(), Known()
    until = FIRST + timedelta(days=99)
    for number, revisions in enumerate(days):
        known = known.on_a_later_day(FIRST + timedelta(days=number), ONCE, is_withdrawn=False)
        for notes in revisions:
            made = changes_since(known, _rows(notes, until=until), COLUMNS, ONCE)
            vendor.take(number, made.listed)
            known = Known(made.listed, made.earlier)
            assert vendor.held == notes
            live = [row for row in made.listed if row["action"] != "removed"]
            assert [row["rank"] for row in live] == list(range(1, len(live) + 1))
            assert {row["row_id"] for row in live} | {r["row_id"] for r in made.earlier} == set(
                notes
            )
    seen: dict[str, tuple[int, str]] = {}
    for day, key, note, action in vendor.sent:
        before = seen.get(key)
        # never again on a later day as it was; revisions of one day hold all rows of that day
        assert action == "removed" or before is None or before[0] == day or before[1] != note
        seen[key] = (day, "" if action == "removed" else note)


def test_a_row_whose_time_is_over_is_neither_sent_again_nor_removed() -> None:
    friday = changes_since(
        Known(),
        [*_rows({"mon": "x"}, until=FIRST + timedelta(days=2)), *_rows({"week": "y"}, until=FIRST)],
        COLUMNS,
        ONCE,
    )
    known = Known(friday.listed)
    same = known.on_a_later_day(FIRST + timedelta(days=1), ONCE, is_withdrawn=False)
    mon = _rows({"mon": "x"}, until=FIRST + timedelta(days=2))
    assert changes_since(same, mon, COLUMNS, ONCE).listed == ()
    assert _actions(changes_since(same, [], COLUMNS, ONCE).listed) == {"mon": "removed"}
    moved = _rows({"mon": "z"}, until=FIRST + timedelta(days=2))
    assert _actions(changes_since(same, moved, COLUMNS, ONCE).listed) == {"mon": "changed"}
    over = known.on_a_later_day(FIRST + timedelta(days=3), ONCE, is_withdrawn=False)
    assert changes_since(over, [], COLUMNS, ONCE).listed == ()


def test_a_contract_that_grows_or_begins_to_send_once_changes_no_row() -> None:
    before = [{k: v for k, v in row.items() if k != "contact"} for row in _rows({"a": "x"})]
    listed = changes_since(Known(), before, COLUMNS[:-1], DAILY).listed
    grown = changes_since(Known(listed), _rows({"a": "x"}), COLUMNS, DAILY)
    assert _actions(grown.listed) == {"a": "unchanged"}
    known = Known(listed).on_a_later_day(FIRST, ONCE, is_withdrawn=False)
    once = changes_since(known, _rows({"a": "x"}, until=FIRST), COLUMNS, ONCE)
    assert _actions(once.listed) == {"a": "new"}


def test_rows_of_a_withdrawn_list_go_out_again() -> None:
    until = FIRST + timedelta(days=2)
    made = changes_since(Known(), _rows({"mon": "x"}, until=until), COLUMNS, ONCE)
    known = Known(made.listed).on_a_later_day(FIRST + timedelta(days=1), ONCE, is_withdrawn=True)
    again = changes_since(known, _rows({"mon": "x"}, until=until), COLUMNS, ONCE)
    assert _actions(again.listed) == {"mon": "unchanged"}
