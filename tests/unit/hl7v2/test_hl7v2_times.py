"""Times in columns equal a plain reading of one time after the other."""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeward.hl7v2.times import PRECISIONS, parse_dates, parse_times

ZONE = "America/New_York"
PATTERN = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d+))?)?)?)?)?)?([+-]\d{4})?", re.A
)


def plain(text: str, zone: str) -> tuple[datetime | None, str | None, str]:
    match = PATTERN.fullmatch(text)
    if match is None:
        return None, None, "none"
    *parts, fraction, offset = match.groups()
    numbers = [int(p) for p in parts if p is not None]
    try:
        local = datetime(*[*numbers, 1, 1][: max(3, len(numbers))])  # noqa: DTZ001
        local += timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        tz = ZoneInfo(zone)
        if offset:
            hours, minutes = int(offset[1:3]), int(offset[3:])
            if hours > 15 or minutes > 59:
                return None, None, "none"
            shift = timedelta(hours=hours, minutes=minutes)
            tz = timezone(-shift if offset[0] == "-" else shift)
        instant = local.replace(tzinfo=tz).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, None, "none"
    precision = PRECISIONS[6 if fraction else len(numbers) - 1]
    return instant, precision, "offset" if offset else "interface"


def columns(texts: list[str | None], zone: str = ZONE) -> list[tuple]:
    parsed = parse_times(pa.array(texts, pa.string()), zone)
    return list(zip(*(column.to_pylist() for column in parsed), strict=True))


@pytest.mark.parametrize(
    ("text", "instant", "precision", "source"),
    [
        ("2024", "2024-01-01T05:00:00", "year", "interface"),
        ("20240229", "2024-02-29T05:00:00", "day", "interface"),
        ("20240229123059.1234-0500", "2024-02-29T17:30:59.1234", "fraction", "offset"),
        ("202402291230+0215", "2024-02-29T10:15:00", "minute", "offset"),
        (
            "20240310023000",
            "2024-03-10T07:30:00",
            "second",
            "interface",
        ),  # skipped: shifted forward
        ("20241103013000", "2024-11-03T05:30:00", "second", "interface"),  # twice: the earlier
        ("20230229", None, None, "none"),
        ("99999999", None, None, "none"),
        ('""', None, None, "none"),
        ("2024022", None, None, "none"),
    ],
)
def test_known_times(text, instant, precision, source):
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC) if instant else None
    assert columns([text]) == [(expected, precision, source)]


def test_absent_stays_absent():
    assert columns([None, "2024"])[0] == (None, None, None)
    assert parse_dates(pa.array([None, "19580517010000", "1958", "19581350"])).to_pylist() == [
        None,
        datetime(1958, 5, 17).date(),  # noqa: DTZ001
        None,
        None,
    ]


TEXTS = st.one_of(
    st.from_regex(PATTERN, fullmatch=True),
    st.datetimes(datetime(1950, 1, 1), datetime(2060, 1, 1)).map(  # noqa: DTZ001
        lambda moment: moment.strftime("%Y%m%d%H%M%S")
    ),
    st.text(alphabet="0123456789.+-é", max_size=24),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=20),
    st.sampled_from([ZONE, "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
def test_equals_plain_reading(texts, zone):
    years = [text[:4] for text in texts]
    texts = [
        t for t, y in zip(texts, years, strict=True) if not y.isdigit() or 1910 < int(y) < 2090
    ]
    for text, found in zip(texts, columns(texts, zone), strict=True):
        assert found == (plain(text, zone) if text else (None, None, None)), text
