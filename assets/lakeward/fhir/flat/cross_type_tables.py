"""Tables about resources of many types: references, identifiers, discriminators.

Each is filled by one small view a resource type; its progress is kept by source and type, because a
type may join later. Which rows are current is decided by `fhir_version`. What the tables hold is in
`reference_tables` and `discriminators`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from lakeward.core.files import sha256_of
from lakeward.core.phi import Phi
from lakeward.fhir.flat.view_rows import RESOURCES
from lakeward.fhir.view_tables import COMPILER_VERSION, RESOURCE_TYPE
from lakeward.lake.incremental import DerivedTable, OnLost, bring_up, open_derived
from lakeward.lake.origin import LINE, RECEIVED, SOURCE
from lakeward.lake.progress import Slice, in_one_slice
from lakeward.lake.query import Connection
from lakeward.lake.tables import Column, Lake, TableSpec, TableWrite, arrow_schema
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

ORIGIN = (
    SOURCE,
    RESOURCE_TYPE,
    Column("id", "VARCHAR", Phi.LK, "Resource id"),
    RECEIVED,
    LINE,
)
"""Columns that say which stored version of which resource a row is about."""

_ORIGIN_NAMES = tuple(column.name for column in ORIGIN)

_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class CrossTypeTable:
    """A table about resources of many types.

    Attributes:
        spec: The table: `ORIGIN`, then its own columns.
        types: The resource types that it is about.
        view_of: Returns the view of a type; None when no row can come of it.
        select: SQL over `{rows}` (origin and the view's columns) for the table's columns.
        digest: Hash of what decides the rows; when it changes, the table is rebuilt.
    """

    spec: TableSpec
    types: frozenset[str]
    view_of: Callable[[str], ViewDefinition | None]
    select: str
    digest: str


def digest_of(*parts: object) -> str:
    """Return a hash of what decides the rows of a table."""
    text = json.dumps([COMPILER_VERSION, *parts], sort_keys=True)
    return sha256_of(text.encode())[:16]


def fill_cross_type_table(
    lake: Lake, table: CrossTypeTable, on_lost: OnLost | None = None
) -> list[TableWrite]:
    """Bring a table up to the raw resources, in one commit; return it if it brought rows.

    The rows are few and are streamed: slices would cost a commit each, with a file a type.
    """
    # by type as well: a type that joins was passed over in files that the others have read long ago
    raw = replace(RESOURCES, key=("source", "resource_type"), only=("resource_type", table.types))
    derived = open_derived(lake, table.spec, table.digest)
    rows_of = partial(_rows_of, table)
    return bring_up(lake, raw, [derived], rows_of, on_lost=on_lost, cut=in_one_slice)


def _rows_of(
    table: CrossTypeTable, connection: Connection, part: Slice, tables: Sequence[DerivedTable]
) -> Iterator[tuple[DerivedTable, pa.RecordBatchReader]]:
    batches = (
        batch for key in sorted(part.ends) for batch in _of_key(table, connection, part, key)
    )
    reader = pa.RecordBatchReader.from_batches(arrow_schema(table.spec), batches)
    yield from ((derived, reader) for derived in tables)


def _of_key(
    table: CrossTypeTable, connection: Connection, part: Slice, key: str
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the resources of one type that one source delivered."""
    view = table.view_of(part.new.raw.values_of(key)["resource_type"])
    if view is None:
        return
    resources = part.relation(f"{', '.join(_ORIGIN_NAMES)}, resource", key)
    rows = compile_view(view).over(resources, _ORIGIN_NAMES)
    # not `format`: the SQL holds braces of its own, in regular expressions
    query = table.select.replace("{rows}", f"({rows})")
    schema = arrow_schema(table.spec)
    for batch in connection.sql(query).to_arrow_reader(_BATCH_ROWS):
        yield batch.select(schema.names).cast(schema)
