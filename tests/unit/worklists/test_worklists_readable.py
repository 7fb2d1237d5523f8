"""People read a list by names and words, and never another value than machines get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lists import COLUMNS, meta, row

from lakeward.contracts import load_contracts
from lakeward.worklists.readable import heading, in_words, readable_list
from lakeward.worklists.rows import export_columns


def test_position_first_row_id_last_and_constants_above() -> None:
    reading = readable_list(COLUMNS, meta(), [row(1), row(2), row(None)])
    assert reading.columns[:3] == ("rank", "action", "referral_id")
    assert reading.columns[-1] == "row_id"
    assert not {"data_as_of", "stale_since"} & set(reading.columns)
    assert ("Data known until", "2026-01-08 00:00") in reading.facts
    assert reading.warning == ""


def test_what_differs_between_rows_stays_a_column() -> None:
    later = row(2, data_as_of="2026-01-07T00:00:00+11:00")
    assert "data_as_of" in readable_list(COLUMNS, meta(), [row(1), later]).columns


def test_a_list_that_is_not_current_says_so_first() -> None:
    reading = readable_list(
        COLUMNS, meta(stale=True, stale_since="2026-01-06T00:00:00+11:00"), [row(1)]
    )
    assert "2026-01-06 00:00" in reading.warning


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("breach_minutes", 41028, "28 d 11 h"),
        ("minutes_in_state", 459, "7 h 39 min"),
        ("breach_minutes", 0, "0 min"),
        ("breach_minutes", 2 * 1440 + 5, "2 d 5 min"),
        ("contact_permitted", False, "no"),
        ("action", "unchanged", ""),
        ("state", "vacated_dirty", "vacated dirty"),
        ("mrn", "00012345", "00012345"),
        ("reason", "Call_Back later", "Call_Back later"),
        ("contact", "+16175550100", "(617) 555-0100"),
        ("contact", "+442071838750", "+442071838750"),
        ("expected_vacate_at", "2026-01-08T11:00:00-05:00", "2026-01-08 11:00"),
        ("reason", None, ""),
    ],
)
def test_values_in_words(column: str, value: str | int | None, words: str) -> None:
    assert in_words(column, value).replace("\N{NO-BREAK SPACE}", " ") == words


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_longer_of_two_waits_never_reads_as_nothing(one: int, other: int) -> None:
    # two equal texts stand for waits that differ by less than the smallest unit shown
    if in_words("wait_minutes", one) == in_words("wait_minutes", other):
        assert abs(one - other) < 24 * 60


def test_every_exported_column_has_a_heading_of_its_own() -> None:
    for contract in load_contracts().values():
        if contract.consumer:
            headings = [heading(name) for name in export_columns(contract)]
            assert len(set(headings)) == len(headings), contract.name
            assert all(each and "_" not in each for each in headings)
