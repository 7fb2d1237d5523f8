"""Three measures that make a night in this process start and run faster; none changes a result.

Only `nightly.run_day` uses them, since it runs a whole night in the process of a command. A Dagster
daemon runs its steps without them. Each can be taken out by itself: the night is then only slower.

Measured in CPU seconds of the process on two cores, by two nights each of 50 patients (differences
below one second mean nothing: the cores were busy with other work):

    all three                    37.0, 38.4
    without rare_collections     38.1, 39.8
    without import_ahead         35.1, 35.8     the import is paid either way; see there

and later, with twice the tables, by one night of FHIR and one of HL7 v2 on cores of their own:

    all three                    63.9, 62.1
    open_databases of before     77.0, 78.0     a connection was kept, and no engine
"""

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from lakeward.expectations.suite import great_expectations

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

THRESHOLDS = (50_000, 20, 50)
"""Python's own are (700, 10, 10): it looks for cycles among new objects 70 times as often."""


def import_ahead() -> None:
    """Import Great Expectations in a thread, while the first steps wait for disk and DuckDB.

    The import takes seconds, and the first rules are checked only after every table is built. A
    second import of the same module waits for the first one, so nobody sees half of it; the thread
    is a daemon, so a night that fails early does not wait for it. It pays only while a core is
    idle: two threads that compute take turns, and the turns cost about two seconds of CPU.
    """
    Thread(target=great_expectations, daemon=True).start()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage less often while the block runs.

    Parsing and imports make many objects that stay, and nearly no cycles, so most collections walk
    all of them and find nothing: that was a sixth of the time until the first step. Memory does
    not grow with the data: rows are in DuckDB and Arrow, which the collector does not see.
    """
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def open_databases() -> Iterator[None]:
    """Keep an engine and a connection to each of Dagster's databases while the block runs.

    Dagster makes both for each event, three thousand in a night. Each engine compiles its
    statements again; and when the last connection to a database closes, SQLite writes its log back
    and deletes it. With one connection held open, no other is the last.
    """
    modules: tuple[Any, ...] = ()
    with suppress(ImportError):  # private: a version without them is slower, and works
        from dagster._core.storage.event_log.sqlite import sqlite_event_log
        from dagster._core.storage.runs.sqlite import sqlite_run_storage

        modules = (sqlite_event_log, sqlite_run_storage)
    with ExitStack() as held:
        kept = partial(_kept_engine, held, {}, set())
        for module in modules:
            held.callback(setattr, module, "create_engine", module.create_engine)
            module.create_engine = kept
        yield


def _kept_engine(
    held: ExitStack, engines: "dict[str, Engine]", open_: set[str], url: str, **options: Any
) -> "Engine":
    from sqlalchemy import create_engine

    if url not in engines:
        engines[url] = create_engine(url, **options)
    elif url not in open_:
        # at the second call: the first one makes the database and its log, and a connection from
        # before would not count as one that uses the log
        open_.add(url)
        path = str(engines[url].url.database)
        connection = held.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
        # SQLite opens the file at the first query, not at `connect`
        connection.execute("select count(*) from sqlite_master").fetchall()
    return engines[url]
