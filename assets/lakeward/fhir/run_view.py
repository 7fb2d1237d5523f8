"""Any view on any NDJSON, without a lake: for authors of views.

Files are read in blocks as in a load, but records are not checked: what is JSON is shown.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from lakeward.core.errors import UsageError
from lakeward.fhir.raw.lines import FilePart, blocks
from lakeward.fhir.raw.record_blocks import Block
from lakeward.lake.query import Connection, DatabaseError, connect, register_text_function
from lakeward.sqlonfhir.decimals import exact
from lakeward.sqlonfhir.failures import failure_of
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

_CHOSEN = """
create or replace temp table chosen as
select content as resource from sorted_lines where state = 'used'
"""
_SORTED = """
create or replace temp table sorted_lines as
select
    content,
    case
        when flaw is not null or not coalesce(json_valid(content), false) then 'broken'
        when json_extract_string(content, '$.resourceType') = ? then 'used'
        else 'other'
    end as state
from block
"""


@dataclass(frozen=True)
class ViewRun:
    """What a view made of files.

    Attributes:
        rows: Its rows; values keep their text as delivered.
        used: Lines that are resources of its type.
        other: Lines that are other JSON.
        broken: Lines that are not JSON; they give no rows.
    """

    rows: pa.Table
    used: int
    other: int
    broken: int


def run_view(view: ViewDefinition, source: Path) -> ViewRun:
    """Run a view on a file or all files below a folder, gzip or plain.

    Raises:
        SpecError: The view is wrong, or a column found several values.
        UsageError: There is no such file, it cannot be read, or nothing in it is JSON.
    """
    # untyped: an author must see the value that a cast would turn into NULL
    compiled = compile_view(view, typed=False)
    parts = [FilePart(number, path) for number, path in enumerate(_files(source))]
    counts: Counter[str] = Counter()
    with connect() as connection:
        connection.execute("create temp table chosen (resource varchar)")
        query = compiled.over(
            exact(partial(register_text_function, connection), "chosen", compiled.used)
        )
        tables = [_rows(connection, view, query)]  # of no lines: the columns if nothing follows
        for block in _blocks(parts, source):
            counts += _sort(connection, view, block)
            tables.append(_rows(connection, view, query))
    if counts["broken"] and not counts["used"] + counts["other"]:
        raise UsageError(
            f"input {source}", "holds no JSON", "FHIR resources, one a line", "check the path"
        )
    return ViewRun(pa.concat_tables(tables), counts["used"], counts["other"], counts["broken"])


def _files(source: Path) -> list[Path]:
    if not source.exists():
        what = "a file or a folder of NDJSON"
        raise UsageError(f"input {source}", "does not exist", what, "check the path")
    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    if not files:
        raise UsageError(f"input {source}", "is an empty folder", "files of NDJSON")
    return files


def _blocks(parts: list[FilePart], source: Path) -> Iterator[Block]:
    try:
        yield from blocks(parts)
    except OSError as error:
        what = f"cannot be read ({type(error).__name__})"
        raise UsageError(f"input {source}", what, "files that can be read") from error


def _sort(connection: Connection, view: ViewDefinition, block: Block) -> Counter[str]:
    """Select the lines of the view's resource type into `chosen`, and count the others by state."""
    connection.register("block", block.to_table())
    connection.execute(_SORTED, [view.resource])
    connection.execute(_CHOSEN)
    connection.unregister("block")
    return Counter(
        dict(connection.execute("select state, count(*) from sorted_lines group by 1").fetchall())
    )


def _rows(connection: Connection, view: ViewDefinition, query: str) -> pa.Table:
    try:
        return connection.sql(query).to_arrow_table()
    except DatabaseError as error:
        # the text of the database can quote a value
        raise failure_of(view, error) from None
