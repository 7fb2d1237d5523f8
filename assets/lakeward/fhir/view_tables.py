"""The views that fill flat tables: those that ship, those of a deployment, and their tables.

A view is data (`views/*.json`, and `views/` of the home). How it compiles to SQL is in
`lakeward.sqlonfhir`, how a table is kept up to date in `fhir.flat`; neither stands here.
"""

import json
from collections.abc import Container, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of, shown
from lakeward.core.phi import Phi
from lakeward.lake.incremental import OnFailure, raise_failure
from lakeward.lake.origin import DAY, FILE, LINE, RECEIVED, SOURCE
from lakeward.lake.tables import Column, TableSpec
from lakeward.sqlonfhir.view import TYPED, compile_view
from lakeward.sqlonfhir.viewdefinition import ViewDefinition, parse_view, read_view

PREFIX = "fhir__"
RAW_NAME = "raw_fhir__resource"
RESOURCE_TYPE = Column(
    "resource_type", "VARCHAR", Phi.N, "resourceType, a type that R4 has", is_ours=True
)
COMPILER_VERSION = 4
"""To be raised when the same view compiles to other rows, so that tables are rebuilt. Also when
other columns than before get statistics: only a file that is written again loses what it has.

The digest of a table covers its view and this number, not the SQL: a compiler that writes the same
rows in other words must not rebuild every table.
"""

LEADING_COLUMNS = (
    SOURCE,
    RECEIVED,
    FILE,
    LINE,
    DAY,
    Column("id", "VARCHAR", Phi.LK, "Resource id"),
    Column("version_id", "VARCHAR", Phi.N, "meta.versionId"),
    Column("last_updated", "TIMESTAMP WITH TIME ZONE", Phi.QI, "meta.lastUpdated"),
    Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the line as delivered"),
)
LEADING_NAMES = tuple(column.name for column in LEADING_COLUMNS)


def all_views(
    folder: Path | None = None, on_failure: OnFailure = raise_failure
) -> tuple[ViewDefinition, ...]:
    """Return the packaged views and those of a folder of the deployment.

    Args:
        folder: Where the deployment keeps views of its own.
        on_failure: Called with each of those that is wrong, which is then left out; default: raise.

    Raises:
        SpecError: A view is wrong, or bears the name of another or of a leading column.
    """
    views = {view.name: view for view in packaged_views()}
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            view = _own_view(path, views)
        except SpecError as error:
            # a file that cannot be read names no view, so the name of the file stands for it
            on_failure(table_name(path.stem), error)
        except Exception as error:
            # whatever its author wrote, a view of the deployment stops no other table
            problem = SpecError(
                f"view {shown(path.name)}", f"cannot be used ({type(error).__name__})"
            )
            on_failure(table_name(path.stem), problem)
        else:
            views[view.name] = view
    return tuple(views.values())


def _own_view(path: Path, others: Container[str]) -> ViewDefinition:
    """Read a view of a deployment and raise if it compiles to no table of its own."""
    view = read_view(path)
    if view.name in others:
        raise SpecError(
            f"view {path.name}",
            f"bears the name {view.name}, which another view has",
            "a name of its own",
        )
    # now, when the code is loaded: an author must not wait for the night to see what is wrong
    compile_view(view)
    table_of(view)
    return view


def flat_tables(
    folder: Path | None = None, on_failure: OnFailure = raise_failure
) -> tuple[TableSpec, ...]:
    """Return the specs of all flat tables; arguments as for `all_views`."""
    return tuple(table_of(view) for view in all_views(folder, on_failure))


def table_name(view: str) -> str:
    """Return the name of the table of a view."""
    return PREFIX + "".join(c if c.isalnum() and c.isascii() else "_" for c in view.lower())


@lru_cache(maxsize=512)
def table_of(view: ViewDefinition) -> TableSpec:
    """Return the table of a view: the columns of `LEADING_COLUMNS`, then its own.

    Raises:
        SpecError: A column has the name of a leading column, or the view's cannot be a table's.
    """
    # names of tables are folders and are looked up without case: `Own` and `own` would be one
    if table_name(view.name) != PREFIX + view.name:
        what = "has a name that a table cannot have"
        raise SpecError(f"view {view.name}", what, "lower-case letters, digits and _")
    columns = []
    for column in view.columns():
        if column.name.lower() in LEADING_NAMES:
            raise SpecError(
                f"view {view.name} column {column.name}",
                "has the name of a column that every flat table has",
                f"none of {', '.join(LEADING_NAMES)}",
            )
        kind = TYPED.get(column.type or "string", "VARCHAR")
        type_ = f"{kind}[]" if column.collection else kind
        columns.append(Column(column.name, type_, column.phi, column.description or column.path))
    return TableSpec(
        name=PREFIX + view.name,
        columns=(*LEADING_COLUMNS, *columns),
        description=view.title or view.description,
        grain=view.description or f"Rows of {view.resource}",
    )


@lru_cache(maxsize=1)
def packaged_views() -> tuple[ViewDefinition, ...]:
    """Return the views that ship with Lakeward, by name."""
    folder = resources.files("lakeward.fhir").joinpath("views")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return tuple(parse_view(json.loads(f.read_text("utf-8")), f"view {f.name}") for f in files)


@lru_cache(maxsize=512)
def spec_digest(view: ViewDefinition) -> str:
    """Return a hash of everything in a view that decides its rows.

    A table with another hash in its newest commit is rebuilt. Titles do not count.
    """
    parts: Sequence[object] = [
        COMPILER_VERSION,
        view.resource,
        [s.model_dump(mode="json") for s in view.select],
        [w.path for w in view.where],
        [c.model_dump(mode="json") for c in view.constant],
    ]
    return sha256_of(json.dumps(parts, sort_keys=True).encode())[:16]
