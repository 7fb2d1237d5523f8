"""From tables, writes and rule results to Dagster metadata: counts and names, never values."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from lakeward.lake.tables import Lake, TableSize, TableSpec, TableWrite, table_size

WRITER_POOL = "lake_writer"
"""One writer at a time: concurrent commits conflict and the dbt catalogue takes one process."""


def table_asset(
    spec: TableSpec,
    *,
    group: str,
    kinds: set[str],
    deps: list[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
) -> dg.AssetSpec:
    """Describe a Delta table as an asset, with its columns shown before the first run."""
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, c.type, c.description, tags={"phi": c.phi.value})
            for c in spec.columns
        ]
    )
    return dg.AssetSpec(
        key=spec.name,
        group_name=group,
        kinds=kinds,
        owners=[spec.owner],
        description=" ".join(f"{t.rstrip('.')}." for t in (spec.description, spec.grain) if t),
        deps=deps or [],
        tags=dict(tags or {}),
        metadata={"dagster/column_schema": schema, "dagster/relation_identifier": spec.name},
        partitions_def=partitions_def,
    )


def table_result(
    lake: Lake,
    table: str,
    write: TableWrite | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[None]:
    """Report a table after a run: rows, rows written now, bytes, seconds, Delta version."""
    size = table_size(lake, table) or TableSize(0, 0, 0)
    metadata: dict[str, Any] = {
        "dagster/row_count": size.rows,
        "rows_written": write.rows if write else 0,
        "bytes": size.bytes,
        "seconds": round(write.seconds, 3) if write else 0.0,
        "delta_version": size.version,
        "dagster/uri": lake.path(table).as_uri(),
    }
    return dg.MaterializeResult(
        asset_key=table,
        metadata={**metadata, **(extra or {})},
        # a night that changed nothing makes no version, so nothing downstream is outdated by it
        data_version=dg.DataVersion(str(size.version)),
    )
