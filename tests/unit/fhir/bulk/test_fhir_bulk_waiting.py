"""How long a pause is, whatever a server sends."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.fhir.bulk.waiting import Wait, asked_seconds, http_date, seconds

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)

anything = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda d: format_datetime(d.replace(tzinfo=UTC), usegmt=True)),
)


@given(
    anything,
    st.integers(0, 10_000),
    st.integers(1, 100_000),
    st.floats(0, 1, exclude_max=True),
)
def test_a_pause_is_never_shorter_than_a_second_nor_longer_than_the_cap(
    header: str | None, attempt: int, cap: int, chance: float
) -> None:
    assert 1 <= seconds(Wait(header, NOW, attempt, cap, chance)) <= cap


@given(st.integers(0, 10**8))
def test_seconds_dates_and_epochs_say_the_same(delay: int) -> None:
    then = NOW + timedelta(seconds=delay)
    for text in (
        str(delay),
        format_datetime(then, usegmt=True),
        str(int(then.timestamp())),
        str(int(then.timestamp() * 1000)),
    ):
        assert asked_seconds(text, NOW) == pytest.approx(delay)


@pytest.mark.parametrize("text", [None, "", "soon", "-1", "1e3", "nan", "inf", "12 minutes", "٣"])
def test_what_says_nothing_backs_off(text: str | None) -> None:
    pauses = [seconds(Wait(text, NOW, attempt, 300, 0.5)) for attempt in range(10)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


@given(st.text(max_size=60))
def test_reading_a_date_never_raises(text: str) -> None:
    found = http_date(text)
    assert found is None or found.tzinfo is not None
