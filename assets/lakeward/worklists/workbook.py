"""A list as a workbook: one sheet to filter and print, one that says what it is.

No formula, no link, no macro, no hidden column, and nothing of the machine that wrote it: the same
rows give the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from lakeward.worklists.readable import ReadableList, in_words, is_duration, readable_list
from lakeward.worklists.rows import ACTION, RANK, Plain, Row

_WRITTEN = datetime(2020, 1, 1)  # noqa: DTZ001  no moment: the clock would change the bytes
_ILLEGAL = {c: None for c in range(32) if c not in (9, 10, 13)}
"""Characters that XML 1.0 cannot hold: a workbook that has one is refused as damaged."""
_LONGEST = 32_767
"""Characters that a cell holds; a longer text is cut there, as spreadsheets do."""
_WIDEST, _NARROWEST = 60, 6


def workbook_bytes(
    columns: Sequence[str], meta: Mapping[str, object], rows: Sequence[Row]
) -> bytes:
    """Render rows as XLSX (Office Open XML): sheet `List` with a table, sheet `About`.

    Text stays text, also where it looks like a number, a date, a formula or a link; durations are
    hours as numbers, so that they sort.
    """
    file = io.BytesIO()
    options = {
        "in_memory": True,
        # what a cell says must never be executed or followed
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    reading = readable_list(columns, meta, rows)
    with Workbook(file, options) as book:
        book.set_properties({"title": reading.title, "created": _WRITTEN})
        _write_list(book, reading, rows)
        _write_about(book, reading, meta)
    return file.getvalue()


def _write_list(book: Workbook, reading: ReadableList, rows: Sequence[Row]) -> None:
    sheet = book.add_worksheet("List")
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    alarm = book.add_format({"bold": True, "font_color": "#9C0006", "bg_color": "#FFC7CE"})
    top = 0
    if reading.warning:
        # above the table and inside the frozen part: it stays in sight while one scrolls
        sheet.merge_range(0, 0, 0, len(reading.columns) - 1, reading.warning, alarm)
        top = 1
    cells = [[_cell(name, row[name]) for name in reading.columns] for row in rows]
    headings = [
        f"{title} (hours)" if is_duration(name) else title
        for name, title in zip(reading.columns, reading.headings, strict=True)
    ]
    last = top + max(len(cells), 1)  # a table has at least one row below its header
    sheet.add_table(
        top,
        0,
        last,
        len(headings) - 1,
        {
            "name": "Worklist",
            "style": "Table Style Light 1",
            "columns": [{"header": title} for title in headings],
        },
    )
    for number, row in enumerate(cells, start=top + 1):
        for place, value in enumerate(row):
            _write(sheet, number, place, value, wrapped)
    for place, title in enumerate(headings):
        longest = max([len(title) + 3, *(len(str(row[place])) for row in cells)])
        sheet.set_column(place, place, min(max(longest, _NARROWEST), _WIDEST), wrapped)
    sheet.freeze_panes(top + 1, 1)
    sheet.repeat_rows(0, top)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    known = dict(reading.facts)
    sheet.set_header(f"&L{reading.title}&R{known['Day']}")
    sheet.set_footer(f"&LData known until {known['Data known until']}&RPage &P of &N")


def _write_about(book: Workbook, reading: ReadableList, meta: Mapping[str, object]) -> None:
    sheet = book.add_worksheet("About")
    bold = book.add_format({"bold": True})
    contract = meta["contract"]
    version = contract["version"] if isinstance(contract, Mapping) else ""
    facts = [
        ("List", reading.title),
        ("Facility", str(meta["facility"])),
        *reading.facts,
        ("Contract version", str(version)),
        ("Not current", reading.warning or "no"),
        ("Row", "Names a row in questions and answers about this list"),
        ("Handle", "Holds data of patients: keep it where patient records may lie, then delete it"),
    ]
    for number, (name, text) in enumerate(facts):
        sheet.write_string(number, 0, name, bold)
        sheet.write_string(number, 1, text)
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 80)


def _cell(column: str, value: Plain) -> str | int | float | None:
    if value is None:
        return None
    if is_duration(column) and isinstance(value, int | float):
        return round(value / 60, 1)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if column in {RANK, ACTION}:
        return in_words(column, value)
    return in_words(column, value).translate(_ILLEGAL)[:_LONGEST]


def _write(sheet: Worksheet, row: int, place: int, value: Any, form: Any) -> None:
    if value is None or value == "":
        sheet.write_blank(row, place, None, form)
    elif isinstance(value, str):
        sheet.write_string(row, place, value, form)
    else:
        sheet.write_number(row, place, value, form)
