"""Any view on any NDJSON, without a lake: for authors of views."""

from pathlib import Path

import pyarrow as pa

from lakeward.core.errors import UsageError
from lakeward.fhir.lines import Part, blocks
from lakeward.fhir.rows import compile_view
from lakeward.fhir.viewdefinition import ViewDefinition
from lakeward.lake.query import Connection, DatabaseError, connect

_OF_TYPE = """
create or replace temp table chosen as
select resource from (
    select content as resource, try(json_extract_string(content, '$.resourceType')) as kind
    from block
) where kind = ?
"""


def run_view(view: ViewDefinition, source: Path) -> pa.Table:
    """Run a view on a file or all files below a folder; values keep their text as delivered.

    Lines that are not resources of the view's type give no rows.

    Raises:
        SpecError: The view is wrong.
        UsageError: There is no such file, or a column met several values.
    """
    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    if not source.exists():
        raise UsageError(f"input {source}", "does not exist", "a file or a folder of NDJSON")
    query = compile_view(view, typed=False).over("chosen")
    parts = [Part(number, path) for number, path in enumerate(files)]
    with connect() as connection:
        connection.execute("create temp table chosen (resource varchar)")
        tables = [_run(connection, query)]
        for block in blocks(parts):
            connection.register("block", block.envelope())
            connection.execute(_OF_TYPE, [view.resource])
            tables.append(_run(connection, query))
            connection.unregister("block")
    return pa.concat_tables(tables)


def _run(connection: Connection, query: str) -> pa.Table:
    try:
        return connection.sql(query).to_arrow_table()
    except DatabaseError as error:
        if "more than one value" not in str(error):
            raise
        where = str(error).split("Error: ", 1)[-1].split("\n", 1)[0]
        raise UsageError("view run", where) from None
