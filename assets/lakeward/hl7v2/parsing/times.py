"""Reads HL7 v2 times in columns: the instant in UTC, its precision, and where its zone came from.

A time is `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]`; hours go to 23, midnight is 0000 (2400 is read as
that of the next day), and what is finer than a microsecond is cut off. Without an offset a time is
local to the interface, or has the offset of MSH-7 where the policy of the interface says so. A time
cut short stands for its start, and its precision says so. What is no time gives no instant; its
text is kept by the caller. Nor do the years 0001 and 9999: systems write them for "never", and
another zone puts them out of range.

What daylight saving time does to a local clock, here New York in 2024:

    10 March     01:59 EST -> 03:00 EDT   02:30 does not exist (gap): shifted forward to 03:30 EDT
    3 November   01:59 EDT -> 01:00 EST   01:30 is shown twice (overlap): the earlier one, unless
                                          the offset of MSH-7 is one of the two

Both are flagged in the zone source. An hour too early or too late would else go unseen, and the
order of a night's events would be wrong once a year.

Source: HL7 v2.5.1 chapter 2A, section 2.A.22 (DTM); chapter 2, section 2.15.9.7 (MSH-7: its offset
is the default for the whole message, which many senders do not mean: see `tz_policy`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.arrays import Bools, Bytes, Ints, text_bytes, text_offsets

PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "fraction")
_FRACTION = PRECISIONS.index("fraction")
ZONE_SOURCES = (
    "offset",
    "message",
    "interface",
    "none",
    "interface_gap",
    "interface_overlap",
    "message_overlap",
)
"""Where the zone of an instant comes from: its own offset, that of MSH-7, the interface, or there
is no instant; for local times that a clock skips (gap) or shows twice (overlap), what decided."""

_OWN, _MESSAGE, _INTERFACE, _NONE, _GAP, _OVERLAP, _MESSAGE_OVERLAP = range(len(ZONE_SOURCES))
NO_OFFSET = 1 << 20
"""Stands for an offset that is not there."""

INSTANT = pa.timestamp("us", tz="UTC")

_YEARS = range(1900, 2100)
"""Years whose changes of the clock are known; other times have the first or the last offset."""
_YEARS_MEANT = range(2, 9999)
"""Years that are no stand-in for "never"."""
_DIGITS = 14
"""Digits of a time down to the second."""
_DATE_DIGITS = 8
_DATE_PARTS = 3
_PART_DIGITS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
"""Which digits are year, month, day, hour, minute and second."""
_OFFSET = len("+0000")
_LARGEST_OFFSET_HOURS = 15
"""Zones go from -12 to +14; more is a typing error, and no instant is better than a wrong one."""
_MICROS = 1_000_000
_MICRO_DIGITS = 6
_STEP = timedelta(days=4)
"""Step of the search for changes of the offset: two changes within one step would be missed."""
_LONGEST_READ = 32
"""Bytes that may be looked at after the start of a text, so that none is outside the array."""


@dataclass(frozen=True)
class Zone:
    """How times without an offset of their own are read.

    Attributes:
        name: IANA zone of the interface.
        offsets: Offset of MSH-7 in seconds, for each time; NO_OFFSET where it has none.
        message_first: MSH-7's offset goes before the interface's zone.
    """

    name: str
    offsets: Ints | None = None
    message_first: bool = False


def parse_times(texts: pa.Array, zone: Zone) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Read a column of times; nulls give nulls.

    Returns:
        Three columns as long as `texts`: instants (microseconds, UTC), precisions (one of
        `PRECISIONS`), zone sources (one of `ZONE_SOURCES`).
    """
    data, starts, lengths = _characters(texts)
    # every question is asked of all times at once; `sound` collects the answers
    present = lengths > 0
    lengths, shift, has_offset, sound = _offsets(data, starts, lengths)
    parts, count, digits_sound = _parts(data, starts, np.minimum(lengths, _DIGITS))
    micros, fraction_sound = _fractions(data, starts, lengths)
    days, date_sound = _days(parts, count)
    hour, minute, second = parts[3:]
    # 2400 is the end of its day: senders write it, and it can mean nothing else
    is_midnight = (hour == 24) & (minute == 0) & (second == 0) & (micros == 0)
    clock_sound = ((hour < 24) | is_midnight) & (minute < 60) & (second < 60)
    sound &= present & digits_sound & fraction_sound & date_sound & clock_sound
    sound &= (parts[0] >= _YEARS_MEANT.start) & (parts[0] < _YEARS_MEANT.stop)
    local = days * 86_400 + hour * 3_600 + minute * 60 + second
    offsets, source = _read_in(zone, local, count > _DATE_PARTS)
    seconds = local - np.where(has_offset, shift, offsets)
    instants = pa.array(seconds * _MICROS + micros, mask=~sound, type=pa.int64()).cast(INSTANT)
    precision = np.where(lengths > _DIGITS, _FRACTION, count - 1)
    source = np.where(sound, np.where(has_offset, _OWN, source), _NONE)
    return instants, _names(precision, sound, PRECISIONS), _names(source, present, ZONE_SOURCES)


def message_offsets(texts: pa.Array) -> Ints | None:
    """Read the offsets of times in seconds, NO_OFFSET where it lacks; None when all lack it."""
    _, shift, present, sound = _offsets(*_characters(texts))
    valid = present & sound
    return np.where(valid, shift, NO_OFFSET) if valid.any() else None


def parse_dates(texts: pa.Array) -> pa.Array:
    """Read the days (date32) of a column of dates or times, whatever zone they are in.

    A birthday is a day on the calendar of the place where it is written: it has no instant, and a
    zone must not move it to the day before.
    """
    data, starts, lengths = _characters(texts)
    parts, count, sound = _parts(data, starts, np.minimum(lengths, _DATE_DIGITS))
    days, date_sound = _days(parts, count)
    sound &= date_sound & (count == _DATE_PARTS)
    return pa.array(days.astype(np.int32), mask=~sound, type=pa.int32()).cast(pa.date32())


def _names(codes: Ints, sound: Bools, names: tuple[str, ...]) -> pa.Array:
    """Spell codes out, NULL where not sound."""
    indices = pa.array(codes.astype(np.int8), mask=~sound)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def _characters(texts: pa.Array) -> tuple[Bytes, Ints, Ints]:
    """Return the bytes of a column of text, where each text starts in them and how long it is."""
    offsets = text_offsets(texts)
    first = int(offsets[0]) if len(offsets) else 0
    last = int(offsets[-1]) if len(offsets) else 0
    data = text_bytes(texts)[first:last]
    # padded, so that looking past the end of the last text stays inside the array
    padded = np.concatenate([data, np.zeros(_LONGEST_READ, np.uint8)])
    lengths = np.diff(offsets).astype(np.int64)
    # Arrow does not say what bytes a null has
    if texts.null_count:
        lengths[np.asarray(texts.is_null())] = 0
    return padded, offsets[:-1].astype(np.int64) - first, lengths


def _offsets(data: Bytes, starts: Ints, lengths: Ints) -> tuple[Ints, Ints, Bools, Bools]:
    """Split `±HHMM` off: the lengths without it, its seconds, whether it is there, and sound."""
    at = starts + np.maximum(lengths - _OFFSET, 0)
    sign = data[at]
    present = (lengths > _OFFSET) & ((sign == ord("+")) | (sign == ord("-")))
    digits = [data[at + k].astype(np.int64) - ord("0") for k in range(1, _OFFSET)]
    sound = ~present | np.all([(d >= 0) & (d <= 9) for d in digits], axis=0)
    hours, minutes = digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]
    sound &= ~present | ((hours <= _LARGEST_OFFSET_HOURS) & (minutes < 60))
    seconds = (hours * 3_600 + minutes * 60) * np.where(sign == ord("-"), -1, 1)
    without = np.where(present, lengths - _OFFSET, lengths)
    return without, np.where(present, seconds, 0), present, sound


def _parts(data: Bytes, starts: Ints, lengths: Ints) -> tuple[list[Ints], Ints, Bools]:
    """Read year to second: the numbers, how many there are, and whether they are whole."""
    digit = np.zeros((_DIGITS, len(starts)), np.int64)
    sound = (lengths >= 4) & (lengths % 2 == 0)  # a year has four digits, all else two
    for k in range(_DIGITS):
        inside = lengths > k
        value = data[np.where(inside, starts + k, 0)].astype(np.int64) - ord("0")
        sound &= ~inside | ((value >= 0) & (value <= 9))
        digit[k] = np.where(inside & sound, value, 0)
    parts = [_number(digit[a:b]) for a, b in _PART_DIGITS]
    # four digits are one part, and each further two are another
    return parts, np.maximum((lengths - 2) // 2, 0), sound


def _number(digits: Ints) -> Ints:
    """Read rows of digits, the highest first, as one number a column."""
    number = np.zeros(digits.shape[1], np.int64)
    for row in digits:
        number = number * 10 + row
    return number


def _fractions(data: Bytes, starts: Ints, lengths: Ints) -> tuple[Ints, Bools]:
    """Read what stands after the second, in microseconds, and whether it is a point and digits."""
    long = lengths > _DIGITS
    has_point = data[np.where(long, starts + _DIGITS, 0)] == ord(".")
    sound = ~long | ((lengths > _DIGITS + 1) & has_point)
    micros = np.zeros(len(starts), np.int64)
    if not long.any():
        return micros, sound
    for k in range(int(lengths.max()) - _DIGITS - 1):
        inside = long & (lengths > _DIGITS + 1 + k)
        value = data[np.where(inside, starts + _DIGITS + 1 + k, 0)].astype(np.int64) - ord("0")
        sound &= ~inside | ((value >= 0) & (value <= 9))
        if k < _MICRO_DIGITS:
            micros += np.where(inside, value, 0) * 10 ** (_MICRO_DIGITS - 1 - k)
    return micros, sound


def _days(parts: list[Ints], count: Ints) -> tuple[Ints, Bools]:
    """Count the days from 1970 to year, month and day, where that day exists.

    A month or day that is not stated is the first one: the time stands for its start.
    """
    year, month, day = parts[0], parts[1].copy(), parts[2].copy()
    month[count < 2] = 1
    day[count < 3] = 1
    sound = (year > 0) & (month >= 1) & (month <= 12)
    # NumPy's own months and days know the length of each month and leap years
    months = (np.where(sound, year, 1970) - 1970) * 12 + np.where(sound, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    sound &= (day >= 1) & (day <= after - first)
    return np.where(sound, first + day - 1, 0), sound


def _read_in(zone: Zone, local: Ints, has_clock: Bools) -> tuple[Ints, Ints]:
    """Return the UTC offsets of local times, and where each comes from.

    A change of the clock, in local seconds (`change` is what the offset changes by):

        ------- offsets[at] -------|<- |change| ->|------ offsets[at + 1] ------
                                     gap: skipped ^ switches[at]
                                     overlap: shown twice

    Args:
        zone: How to read them.
        local: Seconds since 1970 on the local clock.
        has_clock: Whether the time is finer than a day: only then can a clock skip or repeat it.
    """
    # `at`: how many changes of the clock lie before each time
    switches, offsets = _switches(zone.name)
    at = np.searchsorted(switches, local, side="right")
    # in a gap and in an overlap alike this is the offset before the change: it shifts what does not
    # exist forward, and takes the earlier of two
    found, source = offsets[at], np.full(len(local), _INTERFACE, np.int64)
    change = np.diff(offsets, append=offsets[-1])[at]
    upcoming = np.append(switches, np.iinfo(np.int64).max)[at]
    near_change = has_clock & (local >= upcoming - np.abs(change))
    if near_change.any():
        source[near_change & (change > 0)] = _GAP
        source[near_change & (change < 0)] = _OVERLAP
    if zone.offsets is None:
        return found, source
    given = zone.offsets != NO_OFFSET  # few senders write an offset into MSH-7
    if zone.message_first:
        return np.where(given, zone.offsets, found), np.where(given, _MESSAGE, source)
    # the message was sent within the hour that is shown twice: its offset says which one it is
    twice = near_change & (change < 0)
    later = twice & (zone.offsets == found + change)
    source[twice & (later | (zone.offsets == found))] = _MESSAGE_OVERLAP
    return np.where(later, found + change, found), source


@lru_cache(maxsize=32)
def _switches(zone: str) -> tuple[Ints, Ints]:
    """List the local seconds from which on another UTC offset holds, and all offsets in order.

    Local time read with `fold=0` changes its offset at transition + the greater of both offsets:
    the end of a gap, and the end of an overlap. Each is as long as the offset changes by.
    """
    tz = ZoneInfo(zone)
    day = datetime(_YEARS.start, 1, 1, tzinfo=UTC)
    offsets, switches = [_offset(day, tz)], []
    while day.year < _YEARS.stop:
        following = day + _STEP
        after = _offset(following, tz)
        if after != offsets[-1]:
            instant = _transition(day, following, tz)
            switches.append(int(instant.timestamp()) + max(offsets[-1], after))
            offsets.append(after)
        day = following
    return np.array(switches, np.int64), np.array(offsets, np.int64)


def _offset(instant: datetime, tz: ZoneInfo) -> int:
    offset = instant.astimezone(tz).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _transition(before: datetime, after: datetime, tz: ZoneInfo) -> datetime:
    """Find the first second of the new offset between two instants, by halving."""
    low, high, start = 0, int((after - before).total_seconds()), _offset(before, tz)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), tz) == start:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)
