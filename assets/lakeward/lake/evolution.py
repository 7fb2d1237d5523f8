"""How a table that an older version of Lakeward wrote takes on the columns of a newer one.

Columns are added, never removed or retyped: files written before stay as they are, and their rows
are NULL there. Which columns a table should have is decided by its spec, see `tables`.
"""

from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable, Schema

from lakeward.core.errors import SpecError

ADDED_KEY = "lakeward.columnsAdded"
"""Table property: some files may lack columns, so readers must match columns by name.

That reads the footer of every file, so readers do it for tables with this property only.
"""


def set_properties(opened: DeltaTable, properties: Mapping[str, str]) -> None:
    """Set properties of a table where they differ, as when a column is classed in another way."""
    present = opened.metadata().configuration
    # a commit for each table and night would be too dear: nearly always they are the same
    if any(present.get(name) != value for name, value in properties.items()):
        opened.alter.set_table_properties(dict(properties))


def add_columns(opened: DeltaTable, expected: pa.Schema) -> None:
    """Add the columns that a table lacks.

    Two commits: the property first, so that a kill between them leaves a table that reads well.

    Args:
        opened: The table.
        expected: The columns that it should have.
    """
    present = set(pa.schema(opened.schema().to_arrow()).names)
    lacking = [field for field in Schema.from_arrow(expected).fields if field.name not in present]
    if lacking:
        # Property first: after a kill between the two, readers match by name for nothing. The
        # other way round they would ask old files for a column that these lack, and fail.
        # Delta does not know the property and refuses it, unless it is asked not to.
        opened.alter.set_table_properties({ADDED_KEY: "true"}, raise_if_not_exists=False)
        opened.alter.add_columns(lacking)


def may_lack_columns(opened: DeltaTable) -> bool:
    """Return whether files of a table may lack columns that its schema has."""
    return ADDED_KEY in opened.metadata().configuration


def append_schema(opened: DeltaTable, expected: pa.Schema, table: str) -> pa.Schema:
    """Return the columns of a table in its own order, to append rows with the expected ones.

    Columns that only an older version of Lakeward wrote are among them.

    Raises:
        SpecError: A column has another type in the table than expected.
    """
    present = {field.name: field for field in opened.schema().fields}
    for field in Schema.from_arrow(expected).fields:
        # files written before keep their type, and one column cannot have two
        if field.name in present and present[field.name].type != field.type:
            raise SpecError(
                f"table {table} column {field.name}",
                f"is {present[field.name].type} in the lake and {field.type} in this version",
                "the same type",
                "rename the column, or move the table away and load again",
            )
    schema = pa.schema(opened.schema().to_arrow())
    known = {name: expected.field(name) for name in expected.names}
    return pa.schema([known.get(field.name, field) for field in schema])
