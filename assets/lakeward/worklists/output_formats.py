"""CSV and JSON bytes of a list: pure functions, the same rows always give the same bytes.

CSV is for people and the tools they use: UTF-8 with byte order mark, CRLF, RFC 4180, no cell that
a spreadsheet takes for a formula, US phone numbers in national form (`+1…` would need the guard).
JSON is for machines: values untouched, phones in E.164, null explicit.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence

from lakeward.worklists.rows import Plain, Row

BOM = b"\xef\xbb\xbf"
_FULL_WIDTH = ("\uff1d", "\uff0b", "\uff0d", "\uff20")  # read as = + - @ by some spreadsheets
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *_FULL_WIDTH)
_US_PHONE = re.compile(r"\+1([2-9]\d{2})(\d{3})(\d{4})")


def csv_bytes(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Render rows as CSV with a header line."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(row[name]) for name in columns] for row in rows)
    return BOM + text.getvalue().encode()


def csv_cell(value: Plain) -> str:
    """Give a cell that no spreadsheet executes; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    phone = _US_PHONE.fullmatch(value)
    if phone:
        return f"({phone[1]}) {phone[2]}-{phone[3]}"
    risky = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return f"'{value}" if risky else value


def json_bytes(meta: Mapping[str, object], rows: Sequence[Row]) -> bytes:
    """Render `{"meta": …, "rows": […]}`, keys in the order given."""
    return text_bytes({"meta": meta, "rows": rows})


def text_bytes(document: Mapping[str, object]) -> bytes:
    """Render a JSON document for people and machines."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
