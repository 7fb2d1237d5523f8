"""The lake as readers see it: released versions, read-only, by name.

For the command line and for people; steps of the nightly run pin versions themselves.
"""

import re
from datetime import datetime
from typing import Any

import duckdb

from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.lake.data_files import damage_in
from lakeward.lake.query import Connection, confine, connect
from lakeward.lake.release import pins_known_at, released_pins, unreleased_tables
from lakeward.lake.tables import Lake

# errors of these kinds quote the query; all others may quote a value that the query read
_ABOUT_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


def open_released(
    settings: Settings, *, unreleased: bool = False, known_at: datetime | None = None
) -> Connection:
    """Open the lake as it is released, to read it and nothing else; the caller closes it.

    Args:
        settings: Which home.
        unreleased: Show the newest candidates instead of the releases.
        known_at: Show what was released, and what raw tables held, at an instant.
    """
    lake, spill = Lake(settings.home.lake), settings.home.work / "spill"
    pins: dict[str, int] = {}
    hidden: frozenset[str] = frozenset()
    if not unreleased:
        released = released_pins(lake, known_at)
        past = pins_known_at(lake, known_at) if known_at else {}
        # a contracted table is shown as released: its newest version may be a candidate
        pins, hidden = {**past, **released}, unreleased_tables(lake, released)
    connection = connect(lake, pins=pins, hidden=hidden, spill=spill)
    confine(connection, lake, pins=pins, hidden=hidden)
    return connection


_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?", re.IGNORECASE)


def _is_reading(query: str) -> bool:
    """Return whether a query is one SELECT, or the explanation of one."""
    statements = duckdb.extract_statements(query)
    if len(statements) == 1 and statements[0].type is duckdb.StatementType.EXPLAIN:
        # `explain analyze` runs what it explains: a COPY wrote over a file of the outbox
        inner = query[found.end() :] if (found := _EXPLAIN.match(query)) else ""
        return bool(inner) and _is_reading(inner)
    return len(statements) == 1 and statements[0].type is duckdb.StatementType.SELECT


def select(connection: Connection, query: str) -> list[dict[str, Any]]:
    """Run one SELECT and return its rows, each by column name.

    Raises:
        UsageError: It is not one SELECT, or the database rejects it. The text of the database is
            passed on only where it is about SQL: a failed cast quotes the value.
        DamagedError: A table that it reads has lost a file.
    """
    remedy = 'see the tables with: lakeward sql "show tables"'
    try:
        if not _is_reading(query):
            raise UsageError("query", "not one reading statement", "one SELECT", remedy)
        relation = connection.execute(query)
        names = [column[0] for column in relation.description or []]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
    except _ABOUT_SQL as error:
        text = " ".join(str(error).split("\n\nLINE")[0].split())
        # `from None`: the chained error would print the text of the database after all
        raise UsageError("query", text, "SQL over existing tables", remedy) from None
    except duckdb.PermissionException:
        raise UsageError("query", "names a file", "tables of the lake alone", remedy) from None
    except duckdb.Error as error:
        if damage := damage_in(str(error)):
            raise damage from None
        raise UsageError("query", type(error).__name__, "a query that runs", remedy) from None
