"""Flat tables `fhir__<view>`: what the ViewDefinitions make of the raw resources.

All versions of a resource are flattened; which is current is decided by `fhir_current`. A table
follows its view: when the view changes, the table is derived again from raw.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

import pyarrow as pa

from lakeward.core.errors import SpecError
from lakeward.fhir.rows import TYPED, compile_view
from lakeward.fhir.viewdefinition import ViewDefinition, packaged_views, read_view
from lakeward.lake.query import Connection, Snapshot, connect, snapshot
from lakeward.lake.tables import (
    Column,
    Lake,
    Phi,
    TableSpec,
    TableWrite,
    content_of,
    ensure_table,
    write,
)

PREFIX = "fhir__"
RAW_NAME = "raw_fhir__resource"
COMPILER_VERSION = 1
"""Raise it when the same view compiles to other rows, so that tables are derived again."""

ENVELOPE = (
    Column("source", "VARCHAR", Phi.N, "Interface that delivered the resource"),
    Column("received", "BIGINT", Phi.N, "Sequence number of the file within its source"),
    Column("file", "VARCHAR", Phi.LK, "Path below landing; names are the sender's"),
    Column("line", "BIGINT", Phi.N, "Line in the file, from 1"),
    Column("day", "DATE", Phi.N, "Day of the delivery"),
    Column("id", "VARCHAR", Phi.LK, "Resource id"),
    Column("version_id", "VARCHAR", Phi.N, "meta.versionId"),
    Column("last_updated", "TIMESTAMP WITH TIME ZONE", Phi.QI, "meta.lastUpdated"),
    Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the line as delivered"),
)
_NAMES = [column.name for column in ENVELOPE]


def all_views(folder: Path | None = None) -> tuple[ViewDefinition, ...]:
    """Give the packaged views and those of a folder of the deployment.

    Raises:
        SpecError: A view is wrong, or bears the name of another or of an envelope column.
    """
    own = [read_view(path) for path in sorted(folder.glob("*.json"))] if folder else []
    views = (*packaged_views(), *own)
    names = [view.name for view in views]
    for view in own:
        if names.count(view.name) > 1:
            raise SpecError(f"view {view.name}", "bears a name that another view has")
    return views


def flat_tables(folder: Path | None = None) -> tuple[TableSpec, ...]:
    """Give the specs of all flat tables."""
    return tuple(table_of(view) for view in all_views(folder))


@lru_cache(maxsize=256)
def table_of(view: ViewDefinition) -> TableSpec:
    """Give the table of a view: the envelope, then its columns.

    Raises:
        SpecError: A column has the name of an envelope column.
    """
    columns = []
    for column in view.columns():
        if column.name in _NAMES:
            raise SpecError(f"view {view.name} column {column.name}", "has an envelope's name")
        kind = TYPED.get(column.type or "string", "VARCHAR")
        type_ = f"{kind}[]" if column.collection else kind
        columns.append(Column(column.name, type_, column.phi, column.description or column.path))
    return TableSpec(
        name=f"{PREFIX}{view.name}",
        columns=(*ENVELOPE, *columns),
        description=view.description or view.title,
        grain=view.description or f"Rows of {view.resource}",
    )


def flatten(lake: Lake, folder: Path | None = None) -> list[TableWrite]:
    """Bring every flat table up to the raw resources; give the writes that were needed.

    A table holds, for each source, all rows up to its largest `received`, because each write is
    one commit; so what is missing is told from the table itself and a repeat adds nothing.

    Args:
        lake: Where the tables live.
        folder: Folder with views of the deployment.
    """
    raw = snapshot(lake, RAW_NAME)
    writes = []
    with connect() as connection:
        newest = _newest(connection, raw) if raw else {}
        for view in all_views(folder):
            ensure_table(lake, table_of(view))
            missing, changed = _missing(lake, connection, view, newest.get(view.resource, {}))
            if raw and missing:
                relation = _relation(raw, view.resource, missing)
                writes += _derive(lake, connection, view, relation, changed=changed)
    return writes


def _newest(connection: Connection, raw: Snapshot) -> dict[str, dict[str, int]]:
    """Give the last `received` per resource type and source."""
    newest: dict[str, dict[str, int]] = {}
    query = f"select resource_type, source, max(received) from ({raw.select()}) group by 1, 2"
    for kind, source, received in connection.execute(query).fetchall():
        newest.setdefault(kind, {})[source] = received
    return newest


def _missing(
    lake: Lake, connection: Connection, view: ViewDefinition, newest: Mapping[str, int]
) -> tuple[dict[str, int], bool]:
    """Give from where on each source is missing, and whether the table is of another view."""
    table = table_of(view).name
    flat = snapshot(lake, table)
    if flat is None or not flat.files:
        return dict.fromkeys(newest, 0), False
    query = f"select source, max(received) from ({flat.select()}) group by 1"
    changed = content_of(lake, table) != spec_digest(view)
    held = {} if changed else dict(connection.execute(query).fetchall())
    return {s: held.get(s, 0) for s, last in newest.items() if last > held.get(s, 0)}, changed


def _relation(raw: Snapshot, kind: str, after: Mapping[str, int]) -> str:
    """Give the raw resources of a type that are missing; only that partition's files are named."""
    files = tuple(file for file in raw.files if f"/resource_type={kind}/" in file)
    wanted = " or ".join(f"(source = '{s}' and received > {last})" for s, last in after.items())
    names = ", ".join(f'"{name}"' for name in _NAMES)
    return f"(select {names}, resource from ({replace(raw, files=files).select()}) where {wanted})"


def _derive(
    lake: Lake, connection: Connection, view: ViewDefinition, relation: str, *, changed: bool
) -> list[TableWrite]:
    query = compile_view(view).over(relation, _NAMES)
    reader = connection.sql(query).to_arrow_reader(16_384)
    first = next((batch for batch in reader if batch.num_rows), None)
    if first is None and not changed:
        return []
    batches = chain([first] if first is not None else [], reader)
    rows = pa.RecordBatchReader.from_batches(reader.schema, batches)
    mode: Literal["append", "overwrite"] = "overwrite" if changed else "append"
    return [write(lake, table_of(view), rows, mode=mode, content=spec_digest(view))]


def spec_digest(view: ViewDefinition) -> str:
    """Give a hash of everything in a view that decides its rows."""
    parts: Sequence[object] = [
        COMPILER_VERSION,
        view.resource,
        [s.model_dump(mode="json") for s in view.select],
        [w.path for w in view.where],
        [c.model_dump(mode="json") for c in view.constant],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
