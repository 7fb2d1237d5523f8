"""The list of all code maps as a file: a workbook, or CSV, by the ending of its name.

What a line means and what an edited one changes is in `lakeward.lake.code_maps`.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from xlsxwriter import Workbook

from lakeward.core.errors import SpecError, UsageError
from lakeward.core.files import write_atomically
from lakeward.lake.code_maps import COLUMNS, EDITED, CodeRow, code_maps

SHEET, TARGETS = "codes", "targets"
_WRITTEN = datetime(2020, 1, 1)  # noqa: DTZ001  no moment: the clock would change the bytes
_LONGEST = 32_767
"""Characters that a cell of a workbook holds."""

Lines = list[tuple[int, Mapping[str, str]]]


def write_codes(path: Path, rows: Sequence[CodeRow]) -> int:
    """Write the list; return how many lines no such file can hold and were left out.

    Raises:
        UsageError: The name of the file ends neither in `.xlsx` nor in `.csv`.
    """
    render = _of_kind(path, _RENDERED)
    fit = [row for row in rows if row.from_code.isprintable() and len(row.from_code) <= _LONGEST]
    write_atomically(path, render(fit), mode=0o640)
    return len(rows) - len(fit)


def read_codes(path: Path) -> Lines:
    """Read an edited list: each line with its number, by column.

    Raises:
        UsageError: There is no such file, or its name ends in neither `.xlsx` nor `.csv`.
        SpecError: It is no such list; the text names the line.
    """
    read = _of_kind(path, _READ)
    if not path.is_file():
        raise UsageError(path.name, "is not there", "a file of `lakeward codes export`")
    cells = read(path)
    head = [_text(path, 1, name) for name in cells[0]] if cells else []
    if not set(EDITED) <= set(head):
        raise SpecError(path.name, "its first line is another one", ", ".join(EDITED))
    places = {name: head.index(name) for name in EDITED}
    lines: Lines = []
    for number, line in enumerate(cells[1:], start=2):
        padded = [*line, *([None] * (len(head) - len(line)))]
        row = {name: _text(path, number, padded[place]) for name, place in places.items()}
        if any(row.values()):
            lines.append((number, row))
    return lines


def _of_kind(path: Path, kinds: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise UsageError(path.name, "is of no kind that is known", "a name.xlsx or name.csv")
    return kind


def _workbook(rows: Sequence[CodeRow]) -> bytes:
    """Render the list, and a sheet with the codes that each map leads to.

    Text stays text, also where it looks like a number, a formula or a link.
    """
    file = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with Workbook(file, options) as book:
        book.set_properties({"title": "Code maps", "created": _WRITTEN})
        # text cells: a person who types 007 into one keeps the zeros
        text = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet(SHEET)
        for place, name in enumerate(COLUMNS):
            sheet.write_string(0, place, name)
        for number, row in enumerate(rows, start=1):
            for place, value in enumerate(astuple(row)):
                if isinstance(value, str):
                    sheet.write_string(number, place, value, text)
                elif value is not None:
                    sheet.write_number(number, place, value)
        sheet.set_column(0, len(COLUMNS) - 1, 22, text)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows), len(COLUMNS) - 1)
        targets = book.add_worksheet(TARGETS)
        for number, (name, seed) in enumerate(code_maps().items()):
            for place, value in enumerate((name, *seed.packaged("to_code"))):
                targets.write_string(number, place, value, text)
    return file.getvalue()


def _csv(rows: Sequence[CodeRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if v is None else v for v in astuple(row)] for row in rows)
    return text.getvalue().encode()


def _read_workbook(path: Path) -> list[tuple[object, ...]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        if SHEET not in book.sheetnames:
            raise SpecError(path.name, f"has no sheet {SHEET}", "a list of `lakeward codes export`")
        return [tuple(line) for line in book[SHEET].iter_rows(values_only=True)]
    except (BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError) as error:
        # `from None`: what a foreign error says may quote a cell
        kind = type(error).__name__
        raise SpecError(
            path.name, f"cannot be read ({kind})", "a workbook", "save it as .xlsx"
        ) from None


def _read_csv(path: Path) -> list[tuple[object, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [tuple(line) for line in csv.reader(file)]
    except (UnicodeDecodeError, csv.Error):
        raise SpecError(path.name, "cannot be read", "CSV in UTF-8", "save it so") from None


def _text(path: Path, number: int, value: object) -> str:
    """Return a cell as text; a number that a person typed is the code that it shows."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return str(int(value))
    raise SpecError(
        f"{path.name} line {number}",
        f"holds a {type(value).__name__} and no text",
        "text",
        "format the cell as text and write the code again",
    )


_RENDERED: Mapping[str, Callable[[Sequence[CodeRow]], bytes]] = {".xlsx": _workbook, ".csv": _csv}
_READ: Mapping[str, Callable[[Path], list[tuple[object, ...]]]] = {
    ".xlsx": _read_workbook,
    ".csv": _read_csv,
}
