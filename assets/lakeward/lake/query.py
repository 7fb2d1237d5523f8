"""DuckDB over pinned versions of Delta tables.

A table is a view over `read_parquet` of the files of one version, with full pushdown and no
DuckDB extension (hospital networks download nothing). Which versions readers see is decided in
`release`; SQL that belongs to one purpose stays with that purpose.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import duckdb.func
import pyarrow as pa
from deltalake import DeltaTable

from lakeward.core.errors import DamagedError, SpecError
from lakeward.lake.arrow import sql_literal
from lakeward.lake.data_files import damage_of, file_paths
from lakeward.lake.evolution import may_lack_columns
from lakeward.lake.log_files import log_damage
from lakeward.lake.memory import bound_memory, spill_of
from lakeward.lake.relations import ViewsByValue, derived_views, views_by_value
from lakeward.lake.tables import Lake, commit_stamp, newest_version, open_table, table_names

Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error

# Only what plain Parquet shows as it is. With deletion vectors deleted rows would come back, with
# mapped columns values would be NULL, both without an error.
READER_FEATURES = frozenset({"timestampNtz"})


@dataclass(frozen=True)
class Snapshot:
    """The files of one version of a table and its columns with their DuckDB types."""

    table: str
    version: int
    files: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    partition_columns: tuple[str, ...]
    by_name: bool = False
    """Some files lack columns; to match by name DuckDB must read every footer, so only then."""

    def select(self) -> str:
        """Return the SQL that reads this snapshot."""
        names = ", ".join(f'"{name}"' for name, _ in self.columns)
        nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in self.columns)
        nothing = f"select {names} from (select {nulls}) where false"
        if not self.files:
            return nothing
        if self.by_name:  # a column may be in none of the files
            return f"select {names} from ({nothing} union all by name from {self._scan()})"
        return f"select {names} from {self._scan()}"

    def select_error(self, text: str) -> str:
        """Return the SQL of a table of these columns that fails with a text when it is read."""
        raised = f"error({sql_literal(text)})"
        # each column and the filter: one that nobody asks for is not computed, and `x = 1` of a
        # constant NULL is decided before the filter is
        values = ", ".join(f'cast({raised} as {kind}) as "{name}"' for name, kind in self.columns)
        return f"select {values} where {raised} is null"

    def _scan(self) -> str:
        files = ", ".join(sql_literal(file) for file in self.files)
        options = ", union_by_name=true" if self.by_name else ""
        if self.partition_columns:
            kinds = dict(self.columns)
            # else DuckDB guesses from the names of folders: a value `2026` would be a number
            types = ", ".join(f"'{c}': {kinds[c]}" for c in self.partition_columns)
            options += f", hive_partitioning=true, hive_types={{{types}}}"
        return f"read_parquet([{files}]{options})"


def snapshot(lake: Lake, table: str, version: int | None = None) -> Snapshot | None:
    """Pin a version of a table (default: the newest); None when it does not exist.

    Raises:
        SpecError: The table uses a reader feature that this reader would get wrong in silence.
        DamagedError: Its log is not whole up to that version.
    """
    pinned = newest_version(lake, table) if version is None else version
    if pinned is None:
        return None
    return _snapshot(lake, table, pinned, commit_stamp(lake, table, pinned))


@lru_cache(maxsize=4096)
def _snapshot(
    lake: Lake, table: str, version: int, stamp: tuple[int, int] | None
) -> Snapshot | None:
    """Read a version once per process: it never changes, and a night asks for it many times."""
    del stamp  # part of the key
    if (lake.path(table) / "_delta_log").is_dir() and (
        damage := log_damage(lake.path(table), version)
    ):
        raise damage
    opened = open_table(lake, table, version)
    if opened is None:
        return None
    _check_readable(table, opened)
    schema = pa.schema(opened.schema().to_arrow())
    return Snapshot(
        table=table,
        version=opened.version(),
        files=file_paths(lake, table, opened),
        columns=tuple((field.name, duckdb_type(field.type)) for field in schema),
        partition_columns=tuple(opened.metadata().partition_columns),
        by_name=may_lack_columns(opened),
    )


def connect(
    lake: Lake | None = None,
    *,
    tables: Collection[str] | None = None,
    pins: Mapping[str, int] | None = None,
    hidden: frozenset[str] = frozenset(),
    spill: Path | None = None,
) -> Connection:
    """Open an in-memory DuckDB with a view for each table of the lake, by its bare name.

    Args:
        lake: The lake to show; none gives an empty connection.
        tables: The tables to show; default all. Opening one costs milliseconds: name them where
            few are needed.
        pins: Versions to show; a table not named is shown at its newest version.
        hidden: Tables that are not shown.
        spill: Folder for temporary files (encrypted); default: that of the lake's home.
    """
    # A hospital's network downloads nothing, so an extension that is missing must fail at once.
    # The zone of the machine must not decide on which day an instant falls.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute("set TimeZone = 'UTC'")
    bound_memory(connection, spill or (spill_of(lake) if lake else None))
    if lake is not None:
        register(connection, lake, tables=tables, pins=pins or {}, hidden=hidden)
    return connection


def confine(
    connection: Connection,
    lake: Lake,
    *,
    pins: Mapping[str, int] | None = None,
    hidden: frozenset[str] = frozenset(),
) -> None:
    """Let a connection read the pinned files of the tables shown, write nothing, and stay so.

    For queries that people write: else `read_text` reads every file that the account can read, and
    `copy` writes over the outbox. To be called last: no setting can be changed afterwards.
    """
    shown = []
    for table in table_names(lake):
        # a damaged table has no files to read: who asks for it is answered with the damage
        with suppress(DamagedError):
            if table not in hidden and (pinned := snapshot(lake, table, (pins or {}).get(table))):
                shown.append(pinned)
    # files, not folders: the folder of a table also holds candidates that nobody released
    files = ", ".join(sql_literal(file) for pinned in shown for file in pinned.files)
    connection.execute(f"set allowed_paths = [{files}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def register(
    connection: Connection,
    lake: Lake,
    *,
    tables: Collection[str] | None = None,
    pins: Mapping[str, int] | None = None,
    hidden: frozenset[str] = frozenset(),
    schema: str = "main",
) -> None:
    """Create or replace the views of a lake's tables and of the relations derived from them.

    Of all tables, a damaged one gets a view that fails when it is read: the others still answer.

    Raises:
        DamagedError: A table of those named has lost a file.
    """
    named = table_names(lake) if tables is None else sorted(tables)
    shown, damaged = [], set()
    for name in named:
        if name in hidden:
            continue
        version = (pins or {}).get(name)
        try:
            exists = register_table(connection, lake, name, version, schema=schema)
        except DamagedError as damage:
            if tables is not None or (pinned := _columns_of_damaged(lake, name, version)) is None:
                raise
            exists = True
            damaged.add(name)
            connection.execute(
                f'create or replace view {schema}."{name}" as {pinned.select_error(str(damage))}'
            )
        if exists:
            shown.append(name)
    for name, body in derived_views(shown, schema):
        connection.execute(f'create or replace view {schema}."{name}" as {body}')
    # each needs a query for its values: made for people who look at everything, not for a step
    for views in views_by_value() if tables is None else ():
        if views.table in shown and views.table not in damaged:
            _register_by_value(connection, views, schema)


def _columns_of_damaged(lake: Lake, table: str, version: int | None) -> Snapshot | None:
    """Return the version whose data files are damaged, or the last one whose log is whole."""
    newest = newest_version(lake, table)
    tried = newest if version is None else version
    for number in range(tried if tried is not None else -1, -1, -1):
        try:
            return snapshot(lake, table, number)
        except DamagedError:
            continue
    return None


def register_table(
    connection: Connection, lake: Lake, table: str, version: int | None, *, schema: str = "main"
) -> bool:
    """Create or replace the view of one table at a version; return whether the table exists.

    Raises:
        DamagedError: The table has lost a file.
    """
    pinned = snapshot(lake, table, version)
    if pinned is None:
        return False
    try:
        connection.execute(f'create or replace view {schema}."{table}" as {pinned.select()}')
    except duckdb.Error:  # of a kind for each way in which a file can be broken
        if damage := damage_of(lake, table, pinned.version):
            raise damage from None
        raise
    return True


def duckdb_type(kind: pa.DataType) -> str:
    """Translate an Arrow type into DuckDB SQL."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        inner = ", ".join(f'"{f.name}" {duckdb_type(f.type)}' for f in kind)
        return f"STRUCT({inner})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    names = {
        "string": "VARCHAR",
        "large_string": "VARCHAR",
        "string_view": "VARCHAR",
        "binary": "BLOB",
        "large_binary": "BLOB",
        "binary_view": "BLOB",
        "bool": "BOOLEAN",
        "int8": "TINYINT",
        "int16": "SMALLINT",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
        "date32[day]": "DATE",
    }
    if str(kind) not in names:
        raise SpecError("table schema", f"type {kind} is not supported", ", ".join(names))
    return names[str(kind)]


def _register_by_value(connection: Connection, views: ViewsByValue, schema: str) -> None:
    table, column = f'{schema}."{views.table}"', f'"{views.column}"'
    query = f"select distinct {column} from {table} order by 1"
    for (value,) in connection.execute(query).fetchall():
        connection.execute(
            f'create or replace view {schema}."{views.prefix}{_snake(value)}" as '
            f"select * from {table} where {column} = {sql_literal(value)}"
        )


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _check_readable(table: str, opened: DeltaTable) -> None:
    features = set(opened.protocol().reader_features or []) - READER_FEATURES
    mapped = opened.metadata().configuration.get("delta.columnMapping.mode", "none") != "none"
    if features or mapped:
        raise SpecError(
            f"table {table}",
            "uses Delta reader features or column mapping that Lakeward does not read",
            f"at most {sorted(READER_FEATURES)}",
            "rewrite the table without them",
        )


def register_text_function(
    connection: Connection, name: str, function: Callable[[pa.ChunkedArray], pa.Array]
) -> None:
    """Let SQL call a function from text to text, column-wise; one of that name is replaced."""
    query = "select count(*) from duckdb_functions() where function_name = ?"
    # replaced, because what a function does depends on the views of this call
    if connection.execute(query, [name]).fetchall() != [(0,)]:
        connection.remove_function(name)
    kind = duckdb.func.ARROW
    connection.create_function(name, function, ["VARCHAR"], "VARCHAR", type=kind)
