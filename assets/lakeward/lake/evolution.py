"""How a table that an older version of Lakeward wrote takes on the columns of a newer one.

Columns are added, never taken away or retyped: files written before stay as they are and give NULL.
What a table should look like is decided in `tables`.
"""

from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable, Schema

from lakeward.core.errors import SpecError

ADDED_KEY = "lakeward.columnsAdded"
"""Table property: some files may lack columns, so readers must match columns by name."""


def add_columns(opened: DeltaTable, wanted: pa.Schema, properties: Mapping[str, str]) -> None:
    """Add the columns that a table lacks.

    Two commits: the property first, so that a kill between them leaves a table that reads well.

    Args:
        opened: The table.
        wanted: The columns that it should have.
        properties: Table properties that depend on the columns.
    """
    held = set(pa.schema(opened.schema().to_arrow()).names)
    lacking = [field for field in Schema.from_arrow(wanted).fields if field.name not in held]
    if lacking:
        opened.alter.set_table_properties(
            {**properties, ADDED_KEY: "true"}, raise_if_not_exists=False
        )
        opened.alter.add_columns(lacking)


def may_lack_columns(opened: DeltaTable) -> bool:
    """Return whether files of a table may lack columns that its schema has."""
    return ADDED_KEY in opened.metadata().configuration


def whole(opened: DeltaTable, wanted: pa.Schema, table: str) -> pa.Schema:
    """Return the columns of a table in its own order, for rows that have the wanted ones.

    Raises:
        SpecError: A column has another type in the table than wanted.
    """
    held = {field.name: field for field in opened.schema().fields}
    for field in Schema.from_arrow(wanted).fields:
        if field.name in held and held[field.name].type != field.type:
            raise SpecError(
                f"table {table} column {field.name}",
                f"is {held[field.name].type} in the lake and {field.type} in this version",
                "the same type",
                "give the column another name, or move the table away and load again",
            )
    schema = pa.schema(opened.schema().to_arrow())
    known = {name: wanted.field(name) for name in wanted.names}
    return pa.schema([known.get(field.name, field) for field in schema])
