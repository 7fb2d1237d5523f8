"""Which records are duplicates of stored ones, and when a stored content was delivered again.

A duplicate is not stored; that it came is remembered as a repeat (`raw_fhir__repeat`), because it
decides which version is true where nothing in the records orders them. One Patient, delivered by
one source in four exports, each with its transactionTime, as file 1 to 4:

    file               1       2       3       4
    transactionTime    T1      T2      T3      T4
    content            A       B       B       A

    with a versionId   store   store   repeat  repeat    raw: A, B
    without            store   store   repeat  store     raw: A, B, A

    raw_fhir__repeat   received  line  repeat_received  repeat_line  transaction_time
    with a versionId   1         1     4                1            T4     A came again in file 4
                       2         1     3                1            T3     B came again in file 3
    without            2         1     3                1            T3     B came again in file 3

With a versionId (here 1 for A, 2 for B) or a lastUpdated, a content is stored once. Without both,
the last statement wins, so A after B is stored again.

The SQL is in `sql/`, one statement a file; each says which columns it makes. They build on one
another:

    record ──────────┐
    incoming ────────┼─> contested ─> stored_version ─> unversioned_statement ─┐
    raw_fhir__*  ────┘                        contested_record <───────────────┘
                                                └─> new_repeat ─> merged_repeat

Records are checked in `checked_records`; versions are ordered by the relation `fhir_version`.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.origin import SOURCE
from lakeward.lake.query import Connection, register_table
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table
from lakeward.landing.ledger import LedgerFile

REPEAT = TableSpec(
    name="raw_fhir__repeat",
    description="When a stored FHIR resource was delivered again, byte for byte",
    grain="At least one row per stored resource delivered again; the latest counts",
    columns=(
        SOURCE,
        Column("received", "BIGINT", Phi.N, "File that holds the stored resource"),
        Column("line", "BIGINT", Phi.N, "Its line in that file"),
        Column(
            "repeat_received",
            "BIGINT",
            Phi.N,
            "File that repeats it; for a replay the file that the record was rejected from",
        ),
        Column("repeat_line", "BIGINT", Phi.N, "Line in that file"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "Latest transactionTime of the exports that repeat it",
        ),
        Column(
            "is_beside_another",
            "BOOLEAN",
            Phi.N,
            "Repeated in one delivery with another content of its id, both without version",
        ),
    ),
)

_MERGE_AT = 4
"""All repeats are merged to one row each once a load adds a quarter of what the table holds:
merging writes the whole table, appending leaves several rows for one stored resource."""

_COLUMNS = [
    "received",
    "line",
    "content_sha256",
    "resource_type",
    "id",
    "version_id",
    "last_updated_text",
    "reason",
    "key",
]
"""What is needed of each record: where it stands, which resource it is, and how it is stamped."""

_INCOMING_FILE = pa.schema(
    [
        ("received", pa.int64()),
        ("day", pa.date32()),
        ("file", pa.string()),
        ("transaction_time", pa.timestamp("us", "UTC")),
    ]
)


def find_duplicates(
    connection: Connection, lake: Lake, records: pa.Table, files: Sequence[LedgerFile]
) -> npt.NDArray[np.bool_]:
    """Return for each record whether it is a duplicate.

    Temporary tables stay in the connection; `new_repeats` reads them.

    Args:
        connection: Shows `raw_fhir__resource`.
        lake: Where repeats are kept.
        records: Checked records in the order of arrival, see `checked_records.CheckedRecords`.
        files: The files of one source that they stand in; what is stored of later ones does not
            count.
    """
    ensure_table(lake, REPEAT)
    register_table(connection, lake, REPEAT.name, None)
    incoming = pa.Table.from_pylist([vars(file) for file in files], schema=_INCOMING_FILE)
    numbered = records.select(_COLUMNS).append_column("number", pa.array(np.arange(len(records))))
    connection.register("record", numbered)
    connection.register("incoming_file", incoming)
    # up to this load only: after a kill raw may hold part of it, which must not
    # make it a duplicate of itself
    earlier = {"source": files[0].source, "first": files[0].received}
    # each statement reads the tables of those before it, see the drawing above
    connection.execute(_statement("replay_of"))
    connection.execute(_statement("incoming"))
    connection.execute(_statement("contested"), earlier)
    connection.execute(_statement("stored_version"), earlier)
    connection.execute(_statement("unversioned_statement"))
    connection.execute(_statement("contested_record"))
    found = connection.sql(
        "select number from contested_record where is_duplicate"
    ).to_arrow_table()
    connection.unregister("record")  # the temporary tables hold copies, so the records can go
    duplicate = np.zeros(len(records), np.bool_)
    duplicate[found.column("number").to_numpy()] = True
    return duplicate


def new_repeats(
    connection: Connection, source: str, done: int
) -> tuple[pa.Table, Literal["append", "overwrite"]]:
    """Return which stored resources the duplicates repeat, and whether it is the whole table.

    Columns are those of `REPEAT`, at least one row per stored resource that is repeated.

    Args:
        connection: The one that `find_duplicates` was called with.
        source: Whose files.
        done: The last file whose repeats are remembered already.
    """
    connection.execute(_statement("new_repeat"), {"source": source, "done": done})
    # Few repeats are the rule, many of them a source that delivers everything every night.
    new, remembered = (
        connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        for table in ("new_repeat", REPEAT.name)
    )
    merge = new > 0 and new * _MERGE_AT >= remembered
    query = _statement("merged_repeat") if merge else "from new_repeat"
    rows = connection.sql(query).to_arrow_table()
    return rows.cast(arrow_schema(REPEAT)), "overwrite" if merge else "append"


@lru_cache(maxsize=16)
def _statement(name: str) -> str:
    """Return the SQL of `sql/<name>.sql`."""
    return resources.files("lakeward.fhir.raw").joinpath("sql", f"{name}.sql").read_text("utf-8")
