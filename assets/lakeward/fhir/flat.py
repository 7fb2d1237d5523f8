"""Flat tables `fhir__<view>`: what the ViewDefinitions make of the raw resources.

All versions of a resource are flattened; which is current is decided by `fhir_current`. A table
follows its view: when the view changes, the table is derived again from raw. How rows are
made is in `derive`.
"""

import hashlib
import json
from collections.abc import Container, Sequence
from functools import lru_cache
from pathlib import Path

from lakeward.core.errors import SpecError
from lakeward.fhir.derive import OnFailure, Target, derive, missing_of
from lakeward.fhir.rows import TYPED, compile_view
from lakeward.fhir.viewdefinition import ViewDefinition, packaged_views, read_view
from lakeward.lake.files import DataFile, data_files
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import (
    Column,
    Lake,
    Phi,
    TableSpec,
    TableWrite,
    arrow_schema,
    content_of,
    ensure_table,
    newest_version,
    write,
)

PREFIX = "fhir__"
RAW_NAME = "raw_fhir__resource"
COMPILER_VERSION = 3
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


def _raise(_table: str, error: SpecError) -> None:
    raise error


def all_views(
    folder: Path | None = None, on_failure: OnFailure = _raise
) -> tuple[ViewDefinition, ...]:
    """Give the packaged views and those of a folder of the deployment.

    Args:
        folder: Where the deployment keeps views of its own.
        on_failure: Told of each of those that is wrong, which is then left out; default: raise.

    Raises:
        SpecError: A view is wrong, or bears the name of another or of an envelope column.
    """
    views = {view.name: view for view in packaged_views()}
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            view = _own_view(path, views)
        except SpecError as error:
            on_failure(table_name(path.stem), error)
        else:
            views[view.name] = view
    return tuple(views.values())


def _own_view(path: Path, others: Container[str]) -> ViewDefinition:
    """Read a view of a deployment and try whether it gives a table of its own."""
    view = read_view(path)
    if view.name in others:
        raise SpecError(
            f"view {path.name}",
            f"bears the name {view.name}, which another view has",
            "a name of its own",
        )
    compile_view(view)
    table_of(view)
    return view


def flat_tables(
    folder: Path | None = None, on_failure: OnFailure = _raise
) -> tuple[TableSpec, ...]:
    """Give the specs of all flat tables; arguments as for `all_views`."""
    return tuple(table_of(view) for view in all_views(folder, on_failure))


def table_name(view: str) -> str:
    """Give the name of the table of a view."""
    return PREFIX + "".join(c if c.isalnum() and c.isascii() else "_" for c in view.lower())


@lru_cache(maxsize=512)
def table_of(view: ViewDefinition) -> TableSpec:
    """Give the table of a view: the envelope, then its columns.

    Raises:
        SpecError: A column has the name of an envelope column, or the view's cannot be a table's.
    """
    if table_name(view.name) != PREFIX + view.name:
        what = "has a name that a table cannot have"
        raise SpecError(f"view {view.name}", what, "lower-case letters, digits and _")
    columns = []
    for column in view.columns():
        if column.name.lower() in _NAMES:
            raise SpecError(
                f"view {view.name} column {column.name}",
                "has the name of an envelope column",
                f"none of {', '.join(_NAMES)}",
            )
        kind = TYPED.get(column.type or "string", "VARCHAR")
        type_ = f"{kind}[]" if column.collection else kind
        columns.append(Column(column.name, type_, column.phi, column.description or column.path))
    return TableSpec(
        name=PREFIX + view.name,
        columns=(*ENVELOPE, *columns),
        description=view.title or view.description,
        grain=view.description or f"Rows of {view.resource}",
    )


def flatten(
    lake: Lake, folder: Path | None = None, on_failure: OnFailure = _raise
) -> list[TableWrite]:
    """Bring every flat table up to the raw resources; give the writes that were needed.

    What is new is told from the log of the raw table and what is done from the newest commit of
    each flat table, so types without anything new cost no query.

    Args:
        lake: Where the tables live.
        folder: Folder with views of the deployment.
        on_failure: Told of each of those that is wrong or cannot be run, whose table then stays
            as it is; default: raise.
    """
    packaged = {table_of(view).name for view in packaged_views()}

    def failed(table: str, error: SpecError) -> None:
        """Never leave a packaged table behind without a word: other models read it."""
        (_raise if table in packaged else on_failure)(table, error)

    targets: dict[str, list[Target]] = {}
    for view in all_views(folder, on_failure):
        targets.setdefault(view.resource, []).append(_target(lake, view))
    version = newest_version(lake, RAW_NAME)
    files = data_files(lake, RAW_NAME, version) if version is not None else ()
    writes = []
    for kind, members in targets.items():
        of_type = [file for file in files if file.partition["resource_type"] == kind]
        writes += _of_type(lake, of_type, members, failed)
    return writes


def _of_type(
    lake: Lake, files: Sequence[DataFile], targets: Sequence[Target], on_failure: OnFailure
) -> list[TableWrite]:
    if not files:
        return [_emptied(lake, target) for target in targets if target.anew]
    raw = snapshot(lake, RAW_NAME)
    missing = missing_of(raw, files, _NAMES, targets) if raw else None
    if missing is None:
        return []
    with connect() as connection:
        return list(derive(lake, connection, missing, targets, on_failure))


def _emptied(lake: Lake, target: Target) -> TableWrite:
    """Give a table the columns of its changed view, there being nothing to fill it with."""
    empty = arrow_schema(target.spec).empty_table()
    return write(lake, target.spec, empty, mode="overwrite", content=target.state())


def _target(lake: Lake, view: ViewDefinition) -> Target:
    """Find out how far the table of a view is; create it when it does not exist."""
    spec, digest = table_of(view), spec_digest(view)
    fresh = Target(view, spec, digest, {}, anew=True)
    if newest_version(lake, spec.name) is None:
        ensure_table(lake, spec, content=fresh.state())
    through = progress_of(content_of(lake, spec.name), digest)
    if through is None:
        return fresh
    return Target(view, spec, digest, through, anew=False)


def progress_of(content: str | None, digest: str) -> dict[str, int] | None:
    """Read how far a table is for each source; None when another version of its view filled it."""
    try:
        state = json.loads(content or "")
        return dict(state["through"]) if state["view"] == digest else None
    except (ValueError, TypeError, KeyError):
        return None


@lru_cache(maxsize=512)
def spec_digest(view: ViewDefinition) -> str:
    """Give a hash of everything in a view that decides its table."""
    parts: Sequence[object] = [
        COMPILER_VERSION,
        view.resource,
        [s.model_dump(mode="json") for s in view.select],
        [w.path for w in view.where],
        [c.model_dump(mode="json") for c in view.constant],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
