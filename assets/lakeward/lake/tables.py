"""The table factory: the only place that creates or writes a Delta table.

It keeps values out of the transaction log and the Parquet footers: delta-rs by itself writes min
and max of every column in clear text, names too. What a table means is not known here.

    lake/raw_fhir__resource/_delta_log/00000000000000000000.json             commit 0: no rows
                                       00000000000000000007.json             see below
                                       00000000000000000009.checkpoint.parquet
                            resource_type=Patient/part-….parquet             data, never changed
    lake/_rules/                                                no table, see `landing.source_rules`

A commit holds, a line each: `commitInfo` (with `lakeward.content`, see `content_of`), the files
that it adds and removes (with rows, and the ranges of `has_statistics`), and `txn` (`Transaction`).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    WriterProperties,
    write_deltalake,
)
from deltalake import Transaction as DeltaTransaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from lakeward.core.errors import RetryableError, SpecError
from lakeward.core.phi import Phi
from lakeward.lake.commits import CONTENT_KEY, remembered
from lakeward.lake.evolution import add_columns, append_schema, set_properties
from lakeward.lake.log_files import empty_commit, has_empty_commit

_STATISTICS = "delta.dataSkippingStatsColumns"


@dataclass(frozen=True)
class Column:
    """One column: its name, its type in DuckDB SQL, its PHI class and what it says.

    `is_ours`: a closed set of ours, names of the deployment or keys that we made: no record's text.
    """

    name: str
    type: str
    phi: Phi = Phi.DI  # a class that nobody stated counts as identifying
    description: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class TableSpec:
    """What a Delta table is called, holds and promises; `grain` says what one row is."""

    name: str
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...] = ()
    description: str = ""
    grain: str = ""
    owner: str = "team:data-platform"

    def __post_init__(self) -> None:
        """Refuse a partition column that could carry text of a record into a path."""
        for column in set(self.partition_by).difference(_plain(self)):
            what = f"partition column {column} is not classed N or is text of a record"
            raise SpecError(f"table {self.name}", what, "a column of ours: values are folder names")


@dataclass(frozen=True)
class Transaction:
    """Marks a commit as the `version`-th of `app_id`; delta-rs records it and enforces nothing."""

    app_id: str
    version: int


@dataclass(frozen=True)
class TableWrite:
    """What one write did: its version, rows added or amended, bytes of the table, seconds."""

    table: str
    version: int
    rows: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Lake:
    """The folder that holds one sub-folder a Delta table."""

    root: Path

    def path(self, table: str) -> Path:
        """Return the folder of a table."""
        return self.root / table


def open_table(lake: Lake, table: str, version: int | None = None) -> DeltaTable | None:
    """Open a table at a version (default: the newest); None when it does not exist.

    The newest version is one object for the whole process, which follows the table.

    Raises:
        DamagedError: Its last commit is empty.
    """
    newest = newest_version(lake, table)
    if newest is None:
        return None
    # delta-rs takes it for one that changes nothing
    if version in (None, newest) and has_empty_commit(lake.path(table), newest):
        raise empty_commit(lake.path(table), newest)
    try:
        if version not in (None, newest):
            return DeltaTable(lake.path(table), version=version)
        opened = _opened(lake.path(table), commit_stamp(lake, table, 0))
        if opened.version() < newest:
            opened.update_incremental()
        if version not in (None, opened.version()):  # somebody committed since the log was listed
            return DeltaTable(lake.path(table), version=version)
    except TableNotFoundError:  # a log folder whose first commit was cut off
        return None
    return opened


@lru_cache(maxsize=1024)
def _opened(path: Path, born: tuple[int, int] | None) -> DeltaTable:
    """Read a whole log once per process: a night asks for the same table many times."""
    del born  # part of the key: a lake made again is another
    return DeltaTable(path)


def newest_version(lake: Lake, table: str) -> int | None:
    """Return the newest version of a table from the names in its log; None when there is none."""
    # opening a table costs milliseconds, which a night would pay hundreds of times
    commits = (lake.path(table) / "_delta_log").glob("*.json")
    versions = [int(commit.stem) for commit in commits if commit.stem.isdigit()]
    return max(versions, default=None)


def commit_stamp(lake: Lake, table: str, version: int) -> tuple[int, int] | None:
    """Return what distinguishes a commit from another of its number, as of a lake made again."""
    commit = lake.path(table) / "_delta_log" / f"{version:020}.json"
    try:
        status = commit.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def table_names(lake: Lake) -> list[str]:
    """List the tables of a lake, sorted."""
    if not lake.root.is_dir():
        return []
    return sorted(p.parent.name for p in lake.root.glob("*/_delta_log"))


@lru_cache(maxsize=512)
def arrow_schema(spec: TableSpec) -> pa.Schema:
    """Translate a spec's DuckDB types into the Arrow schema that is written."""
    columns = ", ".join(f'cast(null as {c.type}) as "{c.name}"' for c in spec.columns)
    with _translator().cursor() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.sql(f"select {columns} limit 0").to_arrow_table().schema


@lru_cache(maxsize=1)
def _translator() -> duckdb.DuckDBPyConnection:
    """Open an empty database once: that takes longer than all translations."""
    return duckdb.connect()


def ensure_table(lake: Lake, spec: TableSpec, *, content: str | None = None) -> None:
    """Create an empty table from its spec, or add the columns that an older one lacks.

    Args:
        lake: Where the table lives.
        spec: What it should be.
        content: Remembered with a table that is created, see `content_of`.
    """
    opened = open_table(lake, spec.name)
    if opened is not None:
        set_properties(opened, {_STATISTICS: ",".join(_plain(spec))})
        add_columns(opened, arrow_schema(spec))
        return
    lake.path(spec.name).mkdir(parents=True, exist_ok=True)
    DeltaTable.create(
        lake.path(spec.name),
        schema=arrow_schema(spec),
        partition_by=list(spec.partition_by) or None,
        name=spec.name,
        configuration=_configuration(spec),
        commit_properties=_commit_properties(None, content),
        mode="ignore",
    )


def write(
    lake: Lake,
    spec: TableSpec,
    data: pa.Table | pa.RecordBatchReader,
    *,
    mode: Literal["append", "overwrite"],
    transaction: Transaction | None = None,
    content: str | None = None,
) -> TableWrite:
    """Commit rows to a table in one version.

    Args:
        lake: Where the table lives.
        spec: Its columns; data is brought into their order and types.
        data: The rows, all columns of the spec by name; a reader is streamed.
        mode: `append`, or `overwrite` for the whole table and its schema.
        transaction: Recorded with the commit; ask `transaction_version` before.
        content: Hash of the whole content to remember, see `content_of`.

    Raises:
        RetryableError: Another writer committed at the same time.
        SpecError: Rows are to be appended to a column that has another type in the table.
    """
    started = time.perf_counter()
    ensure_table(lake, spec)
    opened, schema = open_table(lake, spec.name), arrow_schema(spec)
    # `overwrite` brings its own schema; appended rows take that of the rows that stay
    if mode == "append" and opened is not None:
        schema = append_schema(opened, schema, spec.name)
    try:
        write_deltalake(
            opened or lake.path(spec.name),
            pa.RecordBatchReader.from_batches(schema, _conform(data, schema, spec)),
            mode=mode,
            partition_by=list(spec.partition_by) or None,
            schema_mode="overwrite" if mode == "overwrite" else None,
            configuration=_configuration(spec),
            writer_properties=_writer_properties(spec),
            commit_properties=_commit_properties(transaction, content),
        )
    except CommitFailedError as error:
        raise _overtaken(spec) from error
    return _last_write(lake, spec.name, time.perf_counter() - started)


def amend(lake: Lake, spec: TableSpec, key: str, rows: pa.Table) -> TableWrite:
    """Set columns of rows of a table, in one commit.

    The log gets the comparison of the key columns, and the least and the greatest key.

    Args:
        lake: Where the table lives.
        spec: Its columns.
        key: Column that identifies the rows; unique in `rows`, and without PHI.
        rows: The key and the columns to set.

    Raises:
        SpecError: The key is not classed N, or is text of a record.
        RetryableError: Another writer committed at the same time.
    """
    started = time.perf_counter()
    if key not in _plain(spec):
        raise SpecError(f"table {spec.name}", f"key {key} is not classed N", "a key that we made")
    ensure_table(lake, spec)
    types = arrow_schema(spec)
    source = rows.cast(pa.schema([types.field(name) for name in rows.column_names]))
    opened = open_table(lake, spec.name) or DeltaTable(lake.path(spec.name))
    try:
        opened.merge(
            source,
            predicate=f'target."{key}" = source."{key}"',
            source_alias="source",
            target_alias="target",
            # so delta-rs knows the least and the greatest key, and reads only files between them
            streamed_exec=False,
            writer_properties=_writer_properties(spec),
        ).when_matched_update(
            {name: f'source."{name}"' for name in rows.column_names if name != key}
        ).execute()
    except CommitFailedError as error:
        raise _overtaken(spec) from error
    return _last_write(lake, spec.name, time.perf_counter() - started)


def _overtaken(spec: TableSpec) -> RetryableError:
    what = "another writer committed first"
    return RetryableError(f"table {spec.name}", what, "one writer", "run again")


def transaction_version(lake: Lake, table: str, app_id: str) -> int | None:
    """Return the newest version that `app_id` committed to a table; None when there is none."""
    opened = open_table(lake, table)
    return opened.transaction_version(app_id) if opened else None


def content_of(lake: Lake, table: str) -> str | None:
    """Return the content hash remembered with the newest version, if it has one.

    Commits that change no rows, such as a VACUUM, are passed over.
    """
    return remembered(lake.path(table), newest_version(lake, table))


def _commit_properties(transaction: Transaction | None, content: str | None) -> CommitProperties:
    return CommitProperties(
        app_transactions=[DeltaTransaction(transaction.app_id, transaction.version)]
        if transaction
        else None,
        custom_metadata={CONTENT_KEY: content} if content else None,
    )


def _conform(
    data: pa.Table | pa.RecordBatchReader, schema: pa.Schema, spec: TableSpec
) -> Iterator[pa.RecordBatch]:
    """Bring rows into order and types; a column that only older versions knew stays empty."""
    known = {column.name for column in spec.columns}
    gone = [field for field in schema if field.name not in known]
    for batch in data.to_batches() if isinstance(data, pa.Table) else data:
        whole_batch = batch
        for field in gone:
            whole_batch = whole_batch.append_column(field, pa.nulls(batch.num_rows, field.type))
        yield whole_batch.select(schema.names).cast(schema)


def has_statistics(column: Column) -> bool:
    """Return whether the least and greatest value of a column may stand in logs and footers."""
    # Class N is not enough: whatever a sender puts into a code is free text, and a telephone number
    # stood in a log as the least `system`. (Lists have no least value.)
    is_text = column.type in ("VARCHAR", "BLOB") and not column.is_ours
    return column.phi is Phi.N and not is_text and not column.type.endswith("]")


def _plain(spec: TableSpec) -> list[str]:
    return [column.name for column in spec.columns if has_statistics(column)]


def _configuration(spec: TableSpec) -> dict[str, str | None]:
    return {
        _STATISTICS: ",".join(_plain(spec)),
        # opening a table reads every commit since its checkpoint: some tables get eight a night
        "delta.checkpointInterval": "10",
        # releases pin old versions, which cannot be opened without their commits
        "delta.enableExpiredLogCleanup": "false",
    }


def _writer_properties(spec: TableSpec) -> WriterProperties:
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        # one group for each partition is held in memory: larger ones took a 2 GB file past 1.5 GiB
        max_row_group_size=32_000,
        # a column of distinct values gives its dictionary up early: a third of the time, smaller
        dictionary_page_size_limit=64 << 10,
        # off unless named: a column that somebody forgets to class leaks nothing
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
        column_properties={
            name: ColumnProperties(statistics_enabled="CHUNK")
            for name in _plain(spec)
            if name not in spec.partition_by
        },
    )


@dataclass(frozen=True)
class TableSize:
    """Version, rows and bytes of a table, as its log has them."""

    version: int
    rows: int
    bytes: int


def table_size(lake: Lake, table: str) -> TableSize | None:
    """Read a table's size from its log, without a look at its files."""
    opened = open_table(lake, table)
    return _size(opened) if opened else None


def _size(opened: DeltaTable) -> TableSize:
    actions = pa.table(opened.get_add_actions(flatten=True))
    if not actions.num_rows:
        return TableSize(opened.version(), 0, 0)
    rows = sum(actions.column("num_records").to_pylist())
    return TableSize(opened.version(), rows, sum(actions.column("size_bytes").to_pylist()))


def _last_write(lake: Lake, table: str, seconds: float) -> TableWrite:
    opened = open_table(lake, table)
    if opened is None:
        raise SpecError(f"table {table}", "vanished while it was written")
    metrics = opened.history(1)[0].get("operationMetrics", {})
    rows = metrics.get("num_added_rows", metrics.get("num_target_rows_updated", 0))
    return TableWrite(table, opened.version(), int(rows), _size(opened).bytes, seconds)
