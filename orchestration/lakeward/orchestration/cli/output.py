"""Printing records and lines; the only module that decides how things look on a terminal."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

Record = dict[str, Any]


class PrintFormat(StrEnum):
    """How records are printed."""

    table = "table"
    csv = "csv"
    json = "json"


def say(line: str) -> None:
    """Print one line, its control characters as the sign for an unknown one."""
    # a file or a control id that a sender names must not steer the terminal of who looks at it
    print(_printable(line))


def _printable(text: str) -> str:
    # a lone surrogate, of a name that is not UTF-8, cannot be printed at all
    known = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t " else "\ufffd" for c in known)


def print_records(records: Sequence[Record], how: PrintFormat, columns: Sequence[str] = ()) -> None:
    """Print records as a table for people, or as CSV or JSON for programs.

    Args:
        records: What to print.
        how: In which form.
        columns: Their names, for the header where there is no record.
    """
    if how is PrintFormat.json:
        # by default all that is not ASCII is escaped, so this needs no other treatment
        json.dump([{k: _plain(v) for k, v in r.items()} for r in records], sys.stdout, indent=1)
        say("")
    elif how is PrintFormat.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        # a query without rows still has columns, which the next tool reads
        writer.writerow(records[0] if records else columns)
        writer.writerows([_cell(v) for v in record.values()] for record in records)
    else:
        _print_table(records)


def print_document(document: Record) -> None:
    """Print one nested document as JSON."""
    say(json.dumps(document, indent=1, default=lambda value: str(_plain(value))))


def _print_table(records: Sequence[Record]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # `Text`: rich reads a string as markup, and a value `[/x]` ended every command that shows it
    table = Table()
    for name in records[0] if records else ["no rows"]:
        table.add_column(Text(_printable(name)))
    for record in records:
        cells = ("" if v is None else _printable(str(_plain(v))) for v in record.values())
        table.add_row(*map(Text, cells))
    # in a pipe no row may be wrapped: `grep` and `cut` work on lines
    wide = None if sys.stdout.isatty() else 10_000
    Console(width=wide, soft_wrap=not sys.stdout.isatty()).print(table)


def _cell(value: Any) -> Any:
    plain = _plain(value)
    # a program gets the value as it is; a terminal must not be steered by it
    return _printable(plain) if isinstance(plain, str) and sys.stdout.isatty() else plain


def _plain(value: Any) -> Any:
    # before `date`: a datetime is a date, too
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str | int | float | bool | list | dict) or value is None:
        return value
    return str(value)
