"""Flat tables `fhir__<view>`: what the ViewDefinitions make of the raw resources.

All versions of a resource are flattened; which is current is decided by `fhir_current`. A table
follows its view: when the view changes, the table is derived again from raw. How rows are
made is in `derive`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from lakeward.core.errors import SpecError
from lakeward.fhir.flat.derive import Target, derive, missing_of
from lakeward.fhir.view_tables import (
    ENVELOPE_NAMES,
    RAW_NAME,
    OnFailure,
    all_views,
    packaged_views,
    raise_failure,
    spec_digest,
    table_of,
)
from lakeward.lake.files import DataFile, data_files
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import (
    Lake,
    TableWrite,
    arrow_schema,
    content_of,
    ensure_table,
    newest_version,
    write,
)
from lakeward.sqlonfhir.viewdefinition import ViewDefinition


def flatten(
    lake: Lake, folder: Path | None = None, on_failure: OnFailure = raise_failure
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
        (raise_failure if table in packaged else on_failure)(table, error)

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
    missing = missing_of(raw, files, ENVELOPE_NAMES, targets) if raw else None
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
