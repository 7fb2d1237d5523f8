"""What the log of a table says about its files: partition values and the range of each column.

Only columns without PHI (class N) have ranges, see `tables`. Nothing here opens a data file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from lakeward.lake.tables import Lake, commit_stamp, open_table

# how delta-rs begins the names of columns when it flattens the `add` actions of a log
_PARTITION, _LOW, _HIGH = "partition.", "min.", "max."


@dataclass(frozen=True)
class DataFile:
    """One data file of a version of a table.

    Attributes:
        uri: Where it lies, as `Snapshot.files` names it.
        rows: Rows in it.
        partition: Partition value by column.
        low: Smallest value by column, where the log knows it.
        high: Largest value by column, where the log knows it.
    """

    uri: str
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
    # paths of the log and URIs may encode folders of partitions differently, names of files not
    uris = {uri.rsplit("/", 1)[-1]: uri for uri in opened.file_uris()}
    return tuple(
        DataFile(
            uri=uris[action["path"].rsplit("/", 1)[-1]],
            rows=action["num_records"],
            partition=_of(action, _PARTITION),
            low=_of(action, _LOW),
            high=_of(action, _HIGH),
        )
        for action in actions
    )


def _of(action: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value
        for key, value in action.items()
        if key.startswith(prefix) and value is not None
    }
