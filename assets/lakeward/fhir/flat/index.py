"""Tables about raw resources of many types: references, identifiers, discriminators.

Each is filled by one small view a resource type, and kept up by source and type: a commit carries
how far it is, so a repeat adds nothing. Which rows are current is decided by `fhir_version`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.fhir.view_tables import COMPILER_VERSION, RAW_NAME
from lakeward.lake.origin import LINE, RECEIVED, SOURCE
from lakeward.lake.query import Connection, connect, register_table
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    arrow_schema,
    content_of,
    ensure_table,
    write,
)
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

PLACE = (
    SOURCE,
    Column("resource_type", "VARCHAR", Phi.N, "resourceType"),
    Column("id", "VARCHAR", Phi.LK, "Resource id"),
    RECEIVED,
    LINE,
)
_CARRIED = tuple(column.name for column in PLACE)


@dataclass(frozen=True)
class Index:
    """One such table.

    Attributes:
        spec: The table: `PLACE`, then its own columns.
        kinds: The resource types that it is about.
        view_of: Gives the view of a type; None when no row can come of it.
        select: SQL over `{rows}` (the place and the view's columns) that gives the table's columns.
        digest: Hash of what decides the rows; when it changes they are derived again.
    """

    spec: TableSpec
    kinds: frozenset[str]
    view_of: Callable[[str], ViewDefinition | None]
    select: str
    digest: str


def digest_of(*parts: object) -> str:
    """Give a hash of what decides the rows of an index."""
    text = json.dumps([COMPILER_VERSION, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bring_up(lake: Lake, index: Index) -> list[TableWrite]:
    """Bring an index up to the raw resources, in one commit; give it if it was needed."""
    ensure_table(lake, index.spec)
    through = _progress(lake, index)
    with connect() as connection:
        newest = (
            _newest(connection, index) if register_table(connection, lake, RAW_NAME, None) else {}
        )
        held = through or {}
        missing = {part: last for part, last in newest.items() if last > held.get(part, 0)}
        if not missing and through is not None:
            return []
        batches = (
            batch
            for part in sorted(missing)
            for batch in _rows(connection, index, part, held.get(part, 0))
        )
        reader = pa.RecordBatchReader.from_batches(arrow_schema(index.spec), batches)
        return [
            write(
                lake,
                index.spec,
                reader,
                mode="overwrite" if through is None else "append",
                content=json.dumps([index.digest, {**held, **newest}], sort_keys=True),
            )
        ]


def _progress(lake: Lake, index: Index) -> dict[str, int] | None:
    """Give the last file by `<source>/<type>`; None when something else filled the table."""
    digest, through = json.loads(content_of(lake, index.spec.name) or "[null, null]")
    return dict(through) if digest == index.digest else None


def _newest(connection: Connection, index: Index) -> dict[str, int]:
    query = f"select source, resource_type, max(received) from {RAW_NAME} group by all"
    rows = connection.execute(query).fetchall()
    return {f"{source}/{kind}": last for source, kind, last in rows if kind in index.kinds}


def _rows(connection: Connection, index: Index, part: str, after: int) -> Iterator[pa.RecordBatch]:
    source, kind = part.split("/")
    view = index.view_of(kind)
    if view is None:
        return
    names = ", ".join(_CARRIED)
    relation = (
        f"(select {names}, resource from {RAW_NAME} where resource_type = '{kind}'"
        f" and source = '{source}' and received > {after})"
    )
    rows = compile_view(view).over(relation, _CARRIED)
    query = index.select.replace("{rows}", f"({rows})")
    schema = arrow_schema(index.spec)
    for batch in connection.sql(query).to_arrow_reader(16_384):
        yield batch.select(schema.names).cast(schema)
