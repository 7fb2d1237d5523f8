"""The lake as readers see it: released versions, read-only, by name.

For the command line and for people; steps of the nightly run pin versions themselves.
"""

from datetime import datetime
from typing import Any

import duckdb

from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.lake.query import Connection, connect
from lakeward.lake.release import pins_known_at, released_pins, unreleased_tables
from lakeward.lake.tables import Lake

# errors of these kinds quote the query; all others may quote a value that the query read
_ABOUT_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


def open_released(
    settings: Settings, *, unreleased: bool = False, known_at: datetime | None = None
) -> Connection:
    """Open the lake as it is released; the caller closes the connection.

    Args:
        settings: Which home.
        unreleased: Show the newest candidates instead of the releases.
        known_at: Show what was released, and what raw tables held, at an instant.
    """
    lake, spill = Lake(settings.home.lake), settings.home.work / "spill"
    if unreleased:
        return connect(lake, spill=spill)
    released = released_pins(lake, known_at)
    past = pins_known_at(lake, known_at) if known_at else {}
    # a contracted table is shown as released: its newest version at that time may be a candidate
    return connect(
        lake, pins={**past, **released}, hidden=unreleased_tables(lake, released), spill=spill
    )


def select(connection: Connection, query: str) -> list[dict[str, Any]]:
    """Run one SELECT and return its rows, each by column name.

    Raises:
        UsageError: It is not one SELECT, or the database rejects it. The text of the database is
            passed on only where it is about SQL: a failed cast quotes the value.
    """
    remedy = 'see the tables with: lakeward sql "show tables"'
    try:
        statements = duckdb.extract_statements(query)
        allowed = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
        if len(statements) != 1 or statements[0].type not in allowed:
            raise UsageError("query", "not one reading statement", "one SELECT", remedy)
        relation = connection.execute(query)
        names = [column[0] for column in relation.description or []]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
    except _ABOUT_SQL as error:
        text = " ".join(str(error).split("\n\nLINE")[0].split())
        # `from None`: the chained error would print the text of the database after all
        raise UsageError("query", text, "SQL over existing tables", remedy) from None
    except duckdb.Error as error:
        raise UsageError("query", type(error).__name__, "a query that runs", remedy) from None
