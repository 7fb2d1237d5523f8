"""The formats of a list's files: pure functions, the same rows always give the same bytes.

CSV is for people and the tools they use: UTF-8 with byte order mark, CRLF, RFC 4180, no cell that
a spreadsheet takes for a formula, US phone numbers in national form (`+1…` would need the guard).
JSON is for machines: values untouched, phones in E.164, null explicit. XLSX and HTML are for
people: `workbook` and `page`.

A new format is one more entry of `FORMATS`. Which of them a list has is in its contract
(`exportFormats`, default all).
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakeward.contracts import Contract
from lakeward.core.errors import SpecError
from lakeward.worklists.page import page_bytes
from lakeward.worklists.readable import national_phone
from lakeward.worklists.rows import Plain, Row
from lakeward.worklists.workbook import workbook_bytes

BOM = b"\xef\xbb\xbf"
_FULL_WIDTH = ("\uff1d", "\uff0b", "\uff0d", "\uff20")  # read as = + - @ by some spreadsheets
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *_FULL_WIDTH)

Render = Callable[[Sequence[str], Mapping[str, object], Sequence[Row]], bytes]
"""From the columns in order, what the revision says about itself, and its rows."""


@dataclass(frozen=True)
class OutputFormat:
    """One format of a list's files.

    Attributes:
        name: As contracts name it.
        suffix: Ending of its files, without the dot.
        render: Makes the bytes of a file.
        is_kept: Whether the next revision is compared with this file; exactly one format is kept,
            a JSON object with `meta` and `rows`.
    """

    name: str
    suffix: str
    render: Render
    is_kept: bool = False


def csv_bytes(columns: Sequence[str], meta: Mapping[str, object], rows: Sequence[Row]) -> bytes:
    """Render rows as CSV with a header line; CSV has no place for `meta`.

    Source: RFC 4180.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    # also for a list without rows: a file without header would not show that the list is empty
    writer.writerow(columns)
    writer.writerows([csv_cell(row[name]) for name in columns] for row in rows)
    # without the mark, spreadsheets on Windows read UTF-8 as their own code page
    return BOM + text.getvalue().encode()


def csv_cell(value: Plain) -> str:
    """Return a cell that no spreadsheet executes; numbers stay numbers.

    Source: OWASP, CSV Injection.
    """
    if value is None:
        return ""
    # before numbers: a bool is an int in Python
    if isinstance(value, bool):
        return "true" if value else "false"
    # a number cannot hold a formula, and with a quote before it -5 would be text
    if not isinstance(value, str):
        return str(value)
    # before the guard, which would put a quote before `+` and make the number useless
    if phone := national_phone(value):
        return phone
    # spreadsheets strip leading blanks before they look for a formula
    risky = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return f"'{value}" if risky else value


def json_bytes(columns: Sequence[str], meta: Mapping[str, object], rows: Sequence[Row]) -> bytes:
    """Render `{"meta": …, "rows": […]}`; the rows hold their columns in order already."""
    return document_bytes({"meta": meta, "rows": rows})


def document_bytes(document: Mapping[str, object]) -> bytes:
    """Render a JSON document for people and machines, keys in the order given."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


CSV = OutputFormat("csv", "csv", csv_bytes)
JSON = OutputFormat("json", "json", json_bytes, is_kept=True)
XLSX = OutputFormat("xlsx", "xlsx", workbook_bytes)
HTML = OutputFormat("html", "html", page_bytes)
FORMATS: tuple[OutputFormat, ...] = (CSV, JSON, XLSX, HTML)
"""In the order in which manifests and checksums list the files."""


def kept_format() -> OutputFormat:
    """Return the format whose last file the next revision is compared with."""
    return next(each for each in FORMATS if each.is_kept)


def data_suffixes() -> frozenset[str]:
    """Return the endings of data files, each with its dot, whatever a contract chooses."""
    return frozenset(f".{each.suffix}" for each in FORMATS)


def formats_of(contract: Contract) -> tuple[OutputFormat, ...]:
    """Return the formats that a contract chooses.

    Raises:
        SpecError: It names a format that there is not, or leaves out the one that is kept.
    """
    where = f"contract {contract.name}"
    chosen = contract.export_formats or tuple(each.name for each in FORMATS)
    names = [each.name for each in FORMATS]
    for name in chosen:
        if name not in names:
            raise SpecError(where, f"exportFormats names {name}", f"some of {', '.join(names)}")
    if kept_format().name not in chosen:
        raise SpecError(
            where,
            f"exportFormats leave out {kept_format().name}",
            "it among them, since the next revision is compared with that file",
        )
    return tuple(each for each in FORMATS if each.name in chosen)


def check_formats(contracts: Iterable[Contract]) -> list[str]:
    """List what is wrong with the formats that contracts choose, one line a problem."""
    problems = []
    for contract in contracts:
        try:
            formats_of(contract)
        except SpecError as error:
            problems.append(str(error))
    return problems
