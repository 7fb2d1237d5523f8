"""How a list is read by people: columns in their order, headings, and values in words.

For the formats that people open, workbook and page. What machines read is untouched, in
`output_formats`. Pure functions of columns, `meta` and rows; no colour and no markup here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakeward.worklists.rows import ACTION, KEY, NOTICE, RANK, STALE_SINCE, Plain, Row

MINUTES = "minutes"
_ABBREVIATED = {"appt": "appointment", "id": "ID", "mrn": "MRN", "npi": "NPI", "tz": "time zone"}
_SINGLE_WORDS = {RANK: "No.", KEY: "Row"}
_NOT_SHOWN = {"at", "display", "local", MINUTES}
"""Parts of a column's name that say how it is stored; a duration says its unit in each value."""
_CODE_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:[+-]\d\d:\d\d|Z)")
_US_PHONE = re.compile(r"\+1([2-9]\d{2})(\d{3})(\d{4})")
_ACTIONS = {"new": "new", "changed": "changed", "unchanged": "", "removed": "removed"}


@dataclass(frozen=True)
class ReadableList:
    """A list as people read it.

    Attributes:
        title: The list, in words.
        facts: What holds for every row, as pairs of name and words.
        columns: The columns that are shown, in the order of reading.
        headings: One for each of them.
        warning: What a reader must know before anything else, else empty.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    headings: tuple[str, ...]
    warning: str


def readable_list(
    columns: Sequence[str], meta: Mapping[str, object], rows: Sequence[Row]
) -> ReadableList:
    """Return the order and the words in which people read a list.

    The position comes first, identifiers of rows last. A column that has the same value in every
    row, such as the cut-off, is a fact about the list and takes no place beside each name.
    """
    live = [row for row in rows if row[ACTION] != "removed"]
    constant = [
        n for n in columns if n in {"tz", "data_as_of", STALE_SINCE, NOTICE} and _is_one(live, n)
    ]
    shown = [n for n in columns if n not in {RANK, ACTION, KEY, *constant}]
    order = (RANK, ACTION, *shown, KEY)
    facts = [
        ("Day", str(meta["day"])),
        # of the sources, not the cut-off: on a day without deliveries the two differ
        ("Data known until", in_words("as_of", _text(meta.get("data_as_of", meta["as_of"])))),
        ("Time zone", str(meta["time_zone"])),
        ("Rows", str(meta["row_count"])),
        ("Revision", str(meta["revision"])),
    ]
    return ReadableList(
        title=heading(str(meta["worklist"])),
        facts=tuple(facts),
        columns=order,
        headings=tuple(heading(name) for name in order),
        warning=_warning(meta),
    )


def heading(column: str) -> str:
    """Return the words for a column: `expected_vacate_at` is `Expected vacate`."""
    if column in _SINGLE_WORDS:
        return _SINGLE_WORDS[column]
    parts = [part for part in column.split("_") if part not in _NOT_SHOWN] or [column]
    words = " ".join(_ABBREVIATED.get(part, part) for part in parts)
    return words[0].upper() + words[1:]


def is_duration(column: str) -> bool:
    """Return whether a column counts minutes."""
    return MINUTES in column.split("_")


def in_words(column: str, value: Plain) -> str:
    """Return a value as people write it; never another value than the file for machines holds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_duration(column) and isinstance(value, int | float):
        return _duration(int(value))
    if not isinstance(value, str):
        return str(value)
    if column == ACTION:
        return _ACTIONS.get(value, value)
    if instant := _INSTANT.fullmatch(value):
        return f"{instant[1]} {instant[2]}"
    if phone := national_phone(value):
        return phone
    return value.replace("_", " ") if _CODE_WORD.fullmatch(value) else value


def national_phone(value: str) -> str:
    """Return a US number in E.164 as people there dial it, else nothing."""
    found = _US_PHONE.fullmatch(value)
    return f"({found[1]}) {found[2]}-{found[3]}" if found else ""


def _duration(minutes: int) -> str:
    days, rest = divmod(max(minutes, 0), 24 * 60)
    hours, left = divmod(rest, 60)
    # two units are enough: who waits for 28 days does not mind the minutes
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{left} min"]
    words = " ".join([part for part in parts if part][:2]) if days or hours else parts[-1]
    # a line that broke between number and unit was read as two values
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def _is_one(rows: Sequence[Row], column: str) -> bool:
    return len({row[column] for row in rows}) <= 1


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _warning(meta: Mapping[str, object]) -> str:
    notice = _text(meta.get("notice")) or ""
    if not meta["stale"]:
        return notice
    since = in_words("as_of", _text(meta["stale_since"]))
    stale = (
        f"Not current: this list shows what was known until {since}. Check before you act on it."
    )
    return f"{stale} {notice}".strip()
