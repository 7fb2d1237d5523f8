"""Flat tables `fhir__<view>`: the rows that ViewDefinitions give for the raw resources.

All versions of a resource are flattened; which one is current is decided by `fhir_current`. A table
follows its view: when the view changes, the table is rebuilt from raw. How progress is kept is in
`lake.incremental`, how a view compiles to SQL in `sqlonfhir`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from lakeward.core.errors import SpecError
from lakeward.fhir.view_tables import (
    LEADING_NAMES,
    RAW_NAME,
    all_views,
    packaged_views,
    spec_digest,
    table_of,
)
from lakeward.lake.incremental import (
    DerivedTable,
    OnFailure,
    OnLost,
    bring_up,
    open_derived,
    raise_failure,
)
from lakeward.lake.progress import RawTable, Slice
from lakeward.lake.query import Connection, DatabaseError, register_text_function
from lakeward.lake.tables import Lake, TableWrite
from lakeward.sqlonfhir.decimals import exact
from lakeward.sqlonfhir.failures import failure_of
from lakeward.sqlonfhir.structure import Node
from lakeward.sqlonfhir.view import CompiledView, compile_view, parsing, together
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

RESOURCES = RawTable(RAW_NAME, record="line", size="strlen(resource)")
"""The raw resources. All those of a Bundle that is one line have the number of the line."""


def flatten_views(
    lake: Lake,
    own_specs: Path | None = None,
    on_failure: OnFailure = raise_failure,
    on_lost: OnLost | None = None,
) -> list[TableWrite]:
    """Bring the table of every view up to the raw resources; return the writes of rows.

    Args:
        lake: Where the tables live.
        own_specs: Folder with views of the deployment.
        on_failure: Called with each of those that is wrong or cannot be run, whose table then
            stays as it is.
        on_lost: Called with each table and source whose resources a view cannot hold, and with each
            packaged view that cannot be run; default: raise.

    Raises:
        SpecError: A packaged view cannot be run, and there is no `on_lost`.
    """
    packaged = {table_of(view).name for view in packaged_views()}

    def fail(table: str, error: SpecError) -> None:
        if table not in packaged:
            on_failure(table, error)
        elif on_lost is None:
            # models of ours read the packaged tables: old rows in silence are worse than no list
            raise error
        else:
            on_lost(table, "", error)

    views = {table_of(view).name: view for view in all_views(own_specs, on_failure)}
    # by type, since raw is partitioned by it and one parse serves all views of a type
    by_type: dict[str, list[DerivedTable]] = {}
    for view in views.values():
        table = open_derived(lake, table_of(view), spec_digest(view))
        by_type.setdefault(view.resource, []).append(table)
    writes = []
    for kind, tables in by_type.items():
        of_type = replace(RESOURCES, only=("resource_type", frozenset({kind})))
        rows_of = partial(_rows_of, views)
        writes += bring_up(lake, of_type, tables, rows_of, on_failure=fail, on_lost=on_lost)
    return writes


def _rows_of(
    views: Mapping[str, ViewDefinition],
    connection: Connection,
    part: Slice,
    tables: Sequence[DerivedTable],
) -> Iterator[tuple[DerivedTable, pa.Table | SpecError]]:
    """Yield the rows of a slice of one resource type, each resource parsed once for all views."""
    by_view = {views[table.spec.name].name: table for table in tables}
    for used, compiled in together(compile_view(views[table.spec.name]) for table in tables):
        # a table, not a subquery, which each view would parse for itself
        connection.execute(
            f"create or replace temp table parsed as {_parse(connection, part, used)}"
        )
        for view in compiled:
            yield by_view[view.view.name], _view_rows(connection, view)
        connection.execute("drop table parsed")


def _parse(connection: Connection, part: Slice, used: Node) -> str:
    """Return the SQL that parses the resources of a slice: leading columns, then `r`."""
    names = ", ".join(f'"{name}"' for name in LEADING_NAMES)
    resources = part.relation(f"{names}, resource")
    register = partial(register_text_function, connection)
    return parsing(exact(register, resources, used, f"{names}, "), used, LEADING_NAMES)


def _view_rows(connection: Connection, view: CompiledView) -> pa.Table | SpecError:
    """Return the rows of a view: the leading columns of the resource, then the view's columns."""
    try:
        return connection.sql(view.over_parsed("parsed", LEADING_NAMES)).to_arrow_table()
    except DatabaseError as error:
        # returned, not raised: the views after this one still get their rows
        return failure_of(view.view, error)
