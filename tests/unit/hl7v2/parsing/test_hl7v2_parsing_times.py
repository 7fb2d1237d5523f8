"""Times in columns equal a plain reading of one time after the other."""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeward.hl7v2.parsing.times import (
    NO_OFFSET,
    PRECISIONS,
    Zone,
    message_offsets,
    parse_dates,
    parse_times,
)

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
    if numbers[0] in (1, 9999):
        return None, None, "none"
    try:
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        at_end = numbers[3:] and numbers[3] == 24 and not any(numbers[4:]) and not micros
        clock = [0, *numbers[4:]] if at_end else numbers[3:]
        local = datetime(*[*numbers[:3], 1, 1][:3], *clock)  # noqa: DTZ001
        local += timedelta(days=1 if at_end else 0, microseconds=micros)
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
    return instant, precision, "offset" if offset else plain_source(local, tz, len(numbers))


def plain_source(local: datetime, tz: ZoneInfo, numbers: int) -> str:
    """Find whether a clock skips or repeats a local time, by the two readings of `fold`."""
    first, second = (local.replace(tzinfo=tz, fold=fold).utcoffset() for fold in (0, 1))
    if first == second or numbers < 4:
        return "interface"
    return "interface_gap" if first < second else "interface_overlap"


def columns(texts: list[str | None], zone: str = ZONE) -> list[tuple]:
    parsed = parse_times(pa.array(texts, pa.string()), Zone(zone))
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
            "interface_gap",
        ),  # skipped: shifted forward
        (
            "20241103013000",
            "2024-11-03T05:30:00",
            "second",
            "interface_overlap",
        ),  # twice: the earlier
        ("20230229", None, None, "none"),
        ("99999999", None, None, "none"),
        ("99991231235959", None, None, "none"),
        ("00010101", None, None, "none"),
        ('""', None, None, "none"),
        ("2024022", None, None, "none"),
        ("202402290000", "2024-02-29T05:00:00", "minute", "interface"),
        ("202402292400", "2024-03-01T05:00:00", "minute", "interface"),  # the end of the day
        ("2024022924", "2024-03-01T05:00:00", "hour", "interface"),
        ("20240229240000", "2024-03-01T05:00:00", "second", "interface"),
        ("202402292401", None, None, "none"),
        ("202402292500", None, None, "none"),
        ("202402291200-0000", "2024-02-29T12:00:00", "minute", "offset"),
        ("20240229120000.123456789", "2024-02-29T17:00:00.123456", "fraction", "interface"),
        ("20240310", "2024-03-10T05:00:00", "day", "interface"),
    ],
)
def test_known_times(text: str, instant: str | None, precision: str | None, source: str) -> None:
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC) if instant else None
    assert columns([text]) == [(expected, precision, source)]


def test_absent_stays_absent() -> None:
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
def test_columns_equal_a_plain_reading(texts: list[str], zone: str) -> None:
    years = [text[:4] for text in texts]
    texts = [
        t for t, y in zip(texts, years, strict=True) if not y.isdigit() or 1910 < int(y) < 2090
    ]
    for text, found in zip(texts, columns(texts, zone), strict=True):
        assert found == (plain(text, zone) if text else (None, None, None)), text


def test_every_transition_of_every_zone() -> None:
    """From 2020 to 2030: the seconds before, in and after each gap and overlap."""
    for zone in sorted(available_timezones() - {"localtime", "Factory"}):
        moments = [m for at in transitions(zone) for m in around(at, zone)]
        texts = [moment.strftime("%Y%m%d%H%M%S") for moment in moments]
        if texts:
            assert columns(texts, zone) == [plain(text, zone) for text in texts], zone


def transitions(zone: str) -> list[datetime]:
    tz, week = ZoneInfo(zone), timedelta(days=7)
    at, found = datetime(2020, 1, 1, tzinfo=UTC), []
    offset = at.astimezone(tz).utcoffset()
    while at.year < 2031:
        at += week
        now = at.astimezone(tz).utcoffset()
        if now != offset:
            low, high = at - week, at
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (
                    (low, middle) if middle.astimezone(tz).utcoffset() == now else (middle, high)
                )
            found.append(high.replace(microsecond=0))
            offset = now
    return found


def around(at: datetime, zone: str) -> list[datetime]:
    tz, second = ZoneInfo(zone), timedelta(seconds=1)
    walls = [(at + delta).astimezone(tz).replace(tzinfo=None) for delta in (-second, second * 0)]
    steps = (-2 * second, -second, second * 0, second, 2 * second)
    return [wall + step for wall in walls for step in steps]


@pytest.mark.parametrize(
    ("text", "sent", "first", "instant", "source"),
    [
        ("20241103013000", "20241103013100-0500", False, "2024-11-03T06:30:00", "message_overlap"),
        ("20241103013000", "20241103013100-0400", False, "2024-11-03T05:30:00", "message_overlap"),
        (
            "20241103013000",
            "20241103013100+0100",
            False,
            "2024-11-03T05:30:00",
            "interface_overlap",
        ),
        ("20240701120000", "20240701120000+0200", False, "2024-07-01T16:00:00", "interface"),
        ("20240701120000", "20240701120000+0200", True, "2024-07-01T10:00:00", "message"),
        ("20240701120000-0700", "20240701120000+0200", True, "2024-07-01T19:00:00", "offset"),
        ("20240701120000", "20240701120000", True, "2024-07-01T16:00:00", "interface"),
        ("20240310023000", "20240310033000-0400", False, "2024-03-10T07:30:00", "interface_gap"),
    ],
)
def test_the_offset_of_the_message(
    text: str, sent: str, first: bool, instant: str, source: str
) -> None:
    offsets = message_offsets(pa.array([sent]))
    found, _, sources = parse_times(pa.array([text]), Zone(ZONE, offsets, message_first=first))
    assert found.to_pylist() == [datetime.fromisoformat(instant).replace(tzinfo=UTC)]
    assert sources.to_pylist() == [source]


def test_offsets_of_messages() -> None:
    texts = pa.array(["2024", None, "202401011200+0530", "202401011200-9999"])
    assert message_offsets(texts).tolist() == [NO_OFFSET, NO_OFFSET, 19_800, NO_OFFSET]
    assert message_offsets(pa.array(["2024", None])) is None
