"""All tables derived from raw FHIR resources: those of views, and the indexes over all types."""

from pathlib import Path
from typing import Any

from lakeward.core.errors import SpecError
from lakeward.fhir import view_tables
from lakeward.fhir.flat.discriminators import DISCRIMINATOR, discriminator_index
from lakeward.fhir.flat.flatten import flatten as flatten_views
from lakeward.fhir.flat.index import bring_up
from lakeward.fhir.flat.reference_index import (
    IDENTIFIER,
    REFERENCE,
    identifier_index,
    reference_index,
)
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, TableSpec, TableWrite, newest_version

INDEXES = (DISCRIMINATOR, REFERENCE, IDENTIFIER)

_NAMED = """
select distinct target_type from fhir_reference
where kind in ('conditional', 'logical') and target_type is not null
union
select distinct resource_type from raw_fhir__resource
where exists (
    select 1 from fhir_reference
    where kind in ('conditional', 'logical') and target_type is null
)
"""
"""Types that a reference names by identifier; one that tells no type may mean any."""


def flat_tables(folder: Path | None = None, *more: Any) -> tuple[TableSpec, ...]:
    """Give the specs of all derived tables; arguments as for `flat.flat_tables`."""
    return (*view_tables.flat_tables(folder, *more), *INDEXES)


def flatten(lake: Lake, folder: Path | None = None, *more: Any) -> list[TableWrite]:
    """Bring every derived table up to the raw resources; arguments as for `flat.flatten`."""
    writes = flatten_views(lake, folder, *more)
    writes += bring_up(lake, discriminator_index(view_tables.all_views(folder, _told_already)))
    kinds = _types(lake, f"select distinct resource_type from {view_tables.RAW_NAME}")
    writes += bring_up(lake, reference_index(kinds))
    return writes + bring_up(lake, identifier_index(_types(lake, _NAMED)))


def _told_already(_table: str, _error: SpecError) -> None:
    """A wrong view of the deployment was told of when the flat tables were made."""


def _types(lake: Lake, query: str) -> list[str]:
    with connect(lake, tables=[view_tables.RAW_NAME, REFERENCE.name]) as connection:
        if newest_version(lake, view_tables.RAW_NAME) is None:
            return []
        return [kind for (kind,) in connection.execute(query).fetchall()]
