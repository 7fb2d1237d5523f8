"""Actions: every row says what became of it since the consumer saw it last."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakeward.worklists.rows import Row, is_same_list, with_actions

COLUMNS = ("row_id", "action", "rank", "note")
LISTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"))


def _rows(notes: dict[str, str]) -> list[Row]:
    return [{"row_id": k, "rank": i, "note": n} for i, (k, n) in enumerate(notes.items(), 1)]


@given(LISTS, LISTS)
def test_a_consumer_who_follows_the_actions_has_the_list(
    first: dict[str, str], second: dict[str, str]
) -> None:
    listed = with_actions(_rows(first), [], COLUMNS)
    assert {row["action"] for row in listed} <= {"new"}
    again = with_actions(_rows(second), listed, COLUMNS)
    held: dict[Any, Any] = {row["row_id"]: row["note"] for row in listed}
    for row in again:
        if row["action"] == "removed":
            assert [n for n, v in row.items() if v is not None] == ["row_id", "action"]
            del held[row["row_id"]]
        elif row["action"] == "new":
            assert row["row_id"] not in held
            held[row["row_id"]] = row["note"]
        elif row["action"] == "changed":
            assert held[row["row_id"]] != row["note"]
            held[row["row_id"]] = row["note"]
        else:
            assert held[row["row_id"]] == row["note"]
    assert held == second


@given(LISTS, LISTS)
def test_removed_rows_are_listed_once(first: dict[str, str], second: dict[str, str]) -> None:
    listed = with_actions(_rows(second), with_actions(_rows(first), [], COLUMNS), COLUMNS)
    third = with_actions(_rows(second), listed, COLUMNS)
    assert {row["action"] for row in third} <= {"unchanged"}
    assert is_same_list(_rows(second), listed, COLUMNS)


def test_moving_up_is_no_change_of_the_row_but_one_of_the_list() -> None:
    listed = with_actions(_rows({"a": "x", "b": "x"}), [], COLUMNS)
    turned = _rows({"b": "x", "a": "x"})
    assert [row["action"] for row in with_actions(turned, listed, COLUMNS)] == ["unchanged"] * 2
    assert not is_same_list(turned, listed, COLUMNS)
