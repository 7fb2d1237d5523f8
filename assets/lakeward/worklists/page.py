"""A list as one page of HTML that loads nothing: to search, filter, sort and print.

Structure and words are in `templates/list.html.j2`, what is read in `readable`. The page may run
its own script alone: its policy names it by hash, so that a script in a value stays text even where
escaping failed.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources

from lakeward.core.html_pages import render_page
from lakeward.worklists.readable import ReadableList, in_words, is_duration, readable_list
from lakeward.worklists.rows import ACTION, KEY, Plain, Row

_SHORT = 8
"""Characters of a row's id that the page shows: enough to ask about it, and 140 kB less
for 5,000 rows. The other formats hold the id whole."""
_LONG = 40
"""Characters from which on a column is given room: reasons were six lines high."""


def page_bytes(columns: Sequence[str], meta: Mapping[str, object], rows: Sequence[Row]) -> bytes:
    """Render rows as a self-contained HTML page.

    Source: HTML Living Standard; Content Security Policy Level 3, hash-source.
    """
    reading = readable_list(columns, meta, rows)
    script = _script()
    text = render_page(
        "lakeward.worklists",
        "list.html.j2",
        reading=reading,
        headings=_headings(reading, rows),
        meta=meta,
        rows=[(row[ACTION], [_cell(name, row) for name in reading.columns]) for row in rows],
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text.encode()


def _headings(reading: ReadableList, rows: Sequence[Row]) -> list[tuple[str, bool]]:
    """Return each heading, and whether its column holds long texts."""
    return [
        (title, any(len(_cell(name, row)[0]) > _LONG for row in rows))
        for name, title in zip(reading.columns, reading.headings, strict=True)
    ]


def _cell(column: str, row: Row) -> tuple[str, Plain]:
    """Return the words of a cell, and the number that it sorts by where the words do not."""
    value = row[column]
    words = in_words(column, value)
    return words[:_SHORT] if column == KEY else words, value if is_duration(column) else None


def _script() -> str:
    folder = resources.files("lakeward.worklists").joinpath("templates")
    return folder.joinpath("list.js").read_text(encoding="utf-8")
