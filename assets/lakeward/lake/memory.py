"""What a DuckDB connection may take: memory up to a limit, then encrypted files in the home.

work/spill/<process>/     one folder a process; `sweep_spill` removes those of processes that
ended without doing so
"""

import os
import shutil
from pathlib import Path

import duckdb

from lakeward.core.paths import Home
from lakeward.core.settings import memory_limit
from lakeward.core.sizes import MIB
from lakeward.lake.arrow import sql_literal
from lakeward.lake.tables import Lake

SPILL = "spill"
"""Folder below the work folder of a home."""

_OF_A_THREAD = 256 * MIB
"""A thread holds a part of each sort and join: with less, many of them fail together."""


def bound_memory(connection: duckdb.DuckDBPyConnection, spill: Path | None) -> None:
    """Limit the memory of a connection, and let it spill into a folder, encrypted, or not at all.

    Args:
        connection: All cursors and attached databases of it share the limit.
        spill: Folder of the home for spilled rows; without it nothing spills.
    """
    # DuckDB takes four fifths of the machine and a thread a core: beside Python, which takes a
    # gigabyte, and a second run, the kernel would end one of them in the middle of the night
    limit = memory_limit()
    threads = max(1, min(os.cpu_count() or 1, limit // _OF_A_THREAD))
    connection.execute(f"set memory_limit = '{limit // MIB}MiB'")
    connection.execute(f"set threads = {threads}")
    # Spilled rows are records of patients; DuckDB's own default is `.tmp` in the working folder.
    connection.execute("set temp_file_encryption = true")
    # Its built-in cipher draws keys from a plain random generator, so DuckDB refuses to write with
    # it, and every spill failed. The strong one is in an extension, which would be downloaded. The
    # lake beside it is not encrypted at all: the disk has to be, see `run-in-production`.
    connection.execute("set force_mbedtls_unsafe = true")
    folder = ""
    if spill is not None:
        own = spill / str(os.getpid())
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = str(own)
    connection.execute(f"set temp_directory = {sql_literal(folder)}")


def spill_of(lake: Lake) -> Path | None:
    """Return the folder in which rows of a lake are spilled; None for a lake that is in no home."""
    home = Home(lake.root.parent)
    return home.work / SPILL if home.lake == lake.root else None


def sweep_spill(spill: Path) -> None:
    """Remove what processes that are gone have spilled, and what lies there beside."""
    for left in spill.glob("*"):
        if left.name.isdigit() and _is_running(int(left.name)):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # of somebody else
        return True
    return True
