"""What the log of a table says about its files: paths, partition values, the range of each column.

Only few columns have ranges, see `tables.has_statistics`. Nothing here opens a data file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from lakeward.core.errors import DamagedError
from lakeward.lake.log_files import log_damage, log_damage_in
from lakeward.lake.tables import Lake, commit_stamp, open_table

# how delta-rs begins the names of columns when it flattens the `add` actions of a log
_PARTITION, _LOW, _HIGH = "partition.", "min.", "max."

# as delta-rs names files: a text of the database may also quote a record that names some other file
_DATA_FILE = re.compile(
    r"(?P<table>\w+)/(?P<file>(\w+=[^/\"']*/)*part-\d+-[0-9a-f-]{36}-c\d+[\w.]*\.parquet)"
)


@dataclass(frozen=True)
class DataFile:
    """One data file of a version of a table.

    Attributes:
        uri: Where it lies, as `Snapshot.files` names it.
        bytes: Size of it.
        rows: Rows in it.
        partition: Partition value by column.
        low: Smallest value by column, where the log knows it.
        high: Largest value by column, where the log knows it.
    """

    uri: str
    bytes: int
    rows: int
    partition: Mapping[str, Any]
    low: Mapping[str, Any]
    high: Mapping[str, Any]


def data_files(lake: Lake, table: str, version: int) -> tuple[DataFile, ...]:
    """Return the files of one version of a table; none when there is no such table."""
    return _data_files(lake, table, version, commit_stamp(lake, table, version))


@lru_cache(maxsize=256)
def _data_files(
    lake: Lake, table: str, version: int, stamp: tuple[int, int] | None
) -> tuple[DataFile, ...]:
    del stamp  # part of the key: a lake that was deleted and made again has the same path
    opened = open_table(lake, table, version)
    if opened is None:
        return ()
    actions = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
    # the log may encode folders of partitions differently than the disk, names of files never
    paths = {path.rsplit("/", 1)[-1]: path for path in file_paths(lake, table, opened)}
    return tuple(
        DataFile(
            uri=paths[action["path"].rsplit("/", 1)[-1]],
            bytes=action["size_bytes"],
            rows=action["num_records"],
            partition=_of(action, _PARTITION),
            low=_of(action, _LOW),
            high=_of(action, _HIGH),
        )
        for action in actions
    )


def file_paths(lake: Lake, table: str, opened: DeltaTable) -> tuple[str, ...]:
    """Return the paths of the files of an opened table, sorted.

    `file_uris` of delta-rs encodes the folder of the table as in a URL: in a home whose path holds
    a space or an umlaut no file was found under the name that it gives.
    """
    below = len(opened.metadata().partition_columns) + 1  # the file, in one folder a column
    folder = lake.path(table)
    return tuple(
        sorted(str(folder.joinpath(*uri.split("/")[-below:])) for uri in opened.file_uris())
    )


def damage_of(lake: Lake, table: str, version: int) -> DamagedError | None:
    """Return what is wrong with the files of one version of a table; None when all are whole."""
    folder = lake.path(table)
    if damage := log_damage(folder, version):
        return damage
    damaged = [
        file.uri
        for file in data_files(lake, table, version)
        if _size_on_disk(file.uri) != file.bytes
    ]
    return _damaged(table, str(Path(damaged[0]).relative_to(folder))) if damaged else None


def damage_in(text: str) -> DamagedError | None:
    """Return the damage that a text of the database is about; None when it names no file."""
    found = _DATA_FILE.search(text)
    return _damaged(found["table"], found["file"]) if found else log_damage_in(text)


def _damaged(table: str, file: str) -> DamagedError:
    return DamagedError(
        f"table {table}",
        f"data file {table}/{file} is missing or not whole",
        "each file that the log of the table names",
        "restore the folder of the table from a backup; a table that each night builds whole is"
        " built again by `lakeward run`",
    )


def _size_on_disk(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None


def _of(action: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value
        for key, value in action.items()
        if key.startswith(prefix) and value is not None
    }
