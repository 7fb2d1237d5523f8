"""HL7 v2 times in columns: the instant in UTC, its precision, and where its zone came from.

A time is `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]` (v2.5.1, 2.A.22); hours go to 23, midnight is
0000, and what is finer than a microsecond is cut off. Without an offset a time is local to the
interface, or has the offset of MSH-7 where the policy of the interface says so. What a clock skips
in spring is shifted forward; what it shows twice in autumn is the earlier, unless the offset of
MSH-7 is one of the two; both are flagged in the zone source. A time cut short stands for its start,
and its precision says so. What is no time gives no instant; its text is kept by the caller. Nor do
the years 0001 and 9999: systems write them for "never", and another zone puts them out of range.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "fraction")
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
_MEANT = range(2, 9999)
_DIGITS = 14
_DAY = 3
_PLACES = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
_SECOND = 1_000_000

Array = NDArray[Any]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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
    """Give the instants, precisions and zone sources of a column of times; nulls give nulls."""
    data, starts, lengths = _characters(texts)
    present = lengths > 0
    lengths, shift, has_offset, sound = _offsets(data, starts, lengths)
    parts, count, digits_sound = _parts(data, starts, np.minimum(lengths, _DIGITS))
    micros, fraction_sound = _fractions(data, starts, lengths)
    days, date_sound = _days(parts, count)
    clock_sound = (parts[3] < 24) & (parts[4] < 60) & (parts[5] < 60)
    sound &= present & digits_sound & fraction_sound & date_sound & clock_sound
    sound &= (parts[0] >= _MEANT.start) & (parts[0] < _MEANT.stop)
    local = days * 86_400 + parts[3] * 3_600 + parts[4] * 60 + parts[5]
    offsets, source = _read_in(zone, local, count > _DAY)
    seconds = local - np.where(has_offset, shift, offsets)
    instants = pa.array(seconds * _SECOND + micros, mask=~sound, type=pa.int64()).cast(INSTANT)
    precision = np.where(lengths > _DIGITS, 6, count - 1)
    source = np.where(sound, np.where(has_offset, _OWN, source), _NONE)
    return instants, _names(precision, sound, PRECISIONS), _names(source, present, ZONE_SOURCES)


def message_offsets(texts: pa.Array) -> Ints | None:
    """Read the offsets of times in seconds, NO_OFFSET where it lacks; None when all lack it."""
    _, shift, present, sound = _offsets(*_characters(texts))
    valid = present & sound
    return np.where(valid, shift, NO_OFFSET) if valid.any() else None


def parse_dates(texts: pa.Array) -> pa.Array:
    """Give the day of a column of dates or times, whatever zone they are in."""
    data, starts, lengths = _characters(texts)
    parts, count, sound = _parts(data, starts, np.minimum(lengths, 8))
    days, date_sound = _days(parts, count)
    sound &= date_sound & (count == 3)
    return pa.array(days.astype(np.int32), mask=~sound, type=pa.int32()).cast(pa.date32())


def _names(codes: Array, sound: Bools, names: tuple[str, ...]) -> pa.Array:
    indices = pa.array(codes.astype(np.int8), mask=~sound)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def _characters(texts: pa.Array) -> tuple[Array, Ints, Ints]:
    """Give the bytes of a string column, and where each string starts and how long it is."""
    offsets_buffer, data_buffer = texts.buffers()[1:]
    offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset :][: len(texts) + 1]
    first = int(offsets[0]) if len(offsets) else 0
    last = int(offsets[-1]) if len(offsets) else 0
    data = np.frombuffer(data_buffer or b"", np.uint8)[first:last]
    padded = np.concatenate([data, np.zeros(32, np.uint8)])
    lengths = np.diff(offsets).astype(np.int64)
    if texts.null_count:
        lengths[np.asarray(texts.is_null())] = 0
    return padded, offsets[:-1].astype(np.int64) - first, lengths


def _offsets(data: Array, starts: Ints, lengths: Ints) -> tuple[Ints, Ints, Bools, Bools]:
    """Split `±HHMM` off: the lengths without it, its seconds, whether it is there, and sound."""
    at = starts + np.maximum(lengths - 5, 0)
    sign = data[at]
    present = (lengths > 5) & ((sign == ord("+")) | (sign == ord("-")))
    digits = [data[at + k].astype(np.int64) - 48 for k in range(1, 5)]
    sound = ~present | np.all([(d >= 0) & (d <= 9) for d in digits], axis=0)
    hours, minutes = digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]
    sound &= ~present | ((hours <= 15) & (minutes < 60))
    seconds = (hours * 3_600 + minutes * 60) * np.where(sign == ord("-"), -1, 1)
    return np.where(present, lengths - 5, lengths), np.where(present, seconds, 0), present, sound


def _parts(data: Array, starts: Ints, lengths: Ints) -> tuple[list[Ints], Ints, Bools]:
    """Read year to second: the numbers, how many there are, and whether they are whole."""
    digit = np.zeros((_DIGITS, len(starts)), np.int64)
    sound = (lengths >= 4) & (lengths % 2 == 0)
    for k in range(_DIGITS):
        inside = lengths > k
        value = data[np.where(inside, starts + k, 0)].astype(np.int64) - 48
        sound &= ~inside | ((value >= 0) & (value <= 9))
        digit[k] = np.where(inside & sound, value, 0)
    parts = [_number(digit[a:b]) for a, b in _PLACES]
    return parts, np.maximum((lengths - 2) // 2, 0), sound


def _number(digits: Ints) -> Ints:
    number = np.zeros(digits.shape[1], np.int64)
    for row in digits:
        number = number * 10 + row
    return number


def _fractions(data: Array, starts: Ints, lengths: Ints) -> tuple[Ints, Bools]:
    long = lengths > _DIGITS
    sound = ~long | ((lengths > _DIGITS + 1) & (data[np.where(long, starts + _DIGITS, 0)] == 46))
    micros = np.zeros(len(starts), np.int64)
    if not long.any():
        return micros, sound
    for k in range(int(lengths.max()) - _DIGITS - 1):
        inside = long & (lengths > _DIGITS + 1 + k)
        value = data[np.where(inside, starts + _DIGITS + 1 + k, 0)].astype(np.int64) - 48
        sound &= ~inside | ((value >= 0) & (value <= 9))
        if k < 6:
            micros += np.where(inside, value, 0) * 10 ** (5 - k)
    return micros, sound


def _days(parts: list[Ints], count: Ints) -> tuple[Ints, Bools]:
    """Give the days since 1970 of year, month and day, where they exist."""
    year, month, day = parts[0], parts[1].copy(), parts[2].copy()
    month[count < 2] = 1
    day[count < 3] = 1
    sound = (year > 0) & (month >= 1) & (month <= 12)
    months = (np.where(sound, year, 1970) - 1970) * 12 + np.where(sound, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    sound &= (day >= 1) & (day <= after - first)
    return np.where(sound, first + day - 1, 0), sound


def _read_in(zone: Zone, local: Ints, has_clock: Bools) -> tuple[Ints, Ints]:
    """Give the offsets of local times, and where each comes from.

    Args:
        zone: How to read them.
        local: Seconds since 1970 on the local clock.
        has_clock: Whether the time is finer than a day: only then can a clock skip or repeat it.
    """
    switches, offsets = _switches(zone.name)
    at = np.searchsorted(switches, local, side="right")
    found, source = offsets[at], np.full(len(local), _INTERFACE, np.int64)
    change = np.diff(offsets, append=offsets[-1])[at]
    upcoming = np.append(switches, np.iinfo(np.int64).max)[at]
    special = has_clock & (local >= upcoming - np.abs(change))
    if special.any():
        source[special & (change > 0)] = _GAP
        source[special & (change < 0)] = _OVERLAP
    if zone.offsets is None:
        return found, source
    given = zone.offsets != NO_OFFSET
    if zone.message_first:
        return np.where(given, zone.offsets, found), np.where(given, _MESSAGE, source)
    twice = special & (change < 0)
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
        following = day + timedelta(days=4)
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
    low, high, start = 0, int((after - before).total_seconds()), _offset(before, tz)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), tz) == start:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)
