"""All tables derived from raw FHIR resources: those of views, and those over all types."""

from pathlib import Path

from lakeward.core.errors import SpecError
from lakeward.fhir import view_tables
from lakeward.fhir.flat.cross_type_tables import fill_cross_type_table
from lakeward.fhir.flat.discriminators import DISCRIMINATOR, discriminator_table
from lakeward.fhir.flat.reference_tables import (
    IDENTIFIER,
    REFERENCE,
    identifier_table,
    reference_table,
)
from lakeward.fhir.flat.view_rows import flatten_views
from lakeward.lake.data_files import data_files
from lakeward.lake.incremental import OnFailure, OnLost, raise_failure
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, TableSpec, TableWrite, newest_version

CROSS_TYPE_TABLES = (DISCRIMINATOR, REFERENCE, IDENTIFIER)

_NAMED_BY_IDENTIFIER = f"""
select distinct target_type from {REFERENCE.name} where kind in ('conditional', 'logical')
"""
"""Types that a reference names by identifier; NULL where it states no type and may mean any."""


def flat_tables(
    own_specs: Path | None = None, on_failure: OnFailure = raise_failure
) -> tuple[TableSpec, ...]:
    """Return the specs of all derived tables.

    Args:
        own_specs: Folder with views of the deployment.
        on_failure: Called with each of those that is wrong, which is then left out.
    """
    return (*view_tables.flat_tables(own_specs, on_failure), *CROSS_TYPE_TABLES)


def flatten(
    lake: Lake,
    own_specs: Path | None = None,
    on_failure: OnFailure = raise_failure,
    on_lost: OnLost | None = None,
) -> list[TableWrite]:
    """Bring every derived table up to the raw resources; return the writes of rows.

    Args:
        lake: Where the tables live.
        own_specs: Folder with views of the deployment.
        on_failure: Called with each of those that is wrong or cannot be run, whose table then
            stays as it is.
        on_lost: Called with each table and source whose resources it cannot hold; default: raise.
    """
    writes = flatten_views(lake, own_specs, on_failure, on_lost)
    views = view_tables.all_views(own_specs, _reported_already)
    writes += fill_cross_type_table(lake, discriminator_table(views), on_lost)
    types = _stored_types(lake)
    writes += fill_cross_type_table(lake, reference_table(types), on_lost)
    # last: which types it is about is read from the references that were just filled
    named = identifier_table(_named_types(lake, types))
    return writes + fill_cross_type_table(lake, named, on_lost)


def _reported_already(_table: str, _error: SpecError) -> None:
    """Pass over a wrong view of the deployment: `flatten_views` has reported it."""


def _stored_types(lake: Lake) -> frozenset[str]:
    """Return the resource types that raw holds, from its log."""
    version = newest_version(lake, view_tables.RAW_NAME)
    files = data_files(lake, view_tables.RAW_NAME, version) if version is not None else ()
    return frozenset(file.partition["resource_type"] for file in files)


def _named_types(lake: Lake, stored: frozenset[str]) -> frozenset[str]:
    """Return the resource types that some reference names by an identifier."""
    with connect(lake, tables=[REFERENCE.name]) as connection:
        named = {kind for (kind,) in connection.execute(_NAMED_BY_IDENTIFIER).fetchall()}
    # else of the named types alone: all identifiers would be many more rows that nobody looks up
    return stored if None in named else frozenset(named)
