"""Assets of the flat layer: one typed table per FHIR view and per HL7 v2 segment."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.core.paths import Home
from lakeward.fhir import ingest as fhir
from lakeward.hl7v2 import ingest as hl7v2
from lakeward.lake.tables import Lake, TableSpec, TableWrite


@dataclass(frozen=True)
class Flattening:
    """How one format's raw table becomes flat tables."""

    group: str
    raw: TableSpec
    tables: Sequence[TableSpec]
    flatten: Callable[[Lake], list[TableWrite]]


def flat_assets(home: Home) -> list[dg.AssetsDefinition]:
    """Make one step per format, with an asset for each flat table, the home's own views among."""
    own_views = home.root / "views"
    return [
        _flat_step(
            Flattening(
                group="fhir",
                raw=fhir.RAW,
                tables=fhir.flat_tables(own_views),
                flatten=lambda lake: fhir.flatten(lake, own_views),
            )
        ),
        _flat_step(Flattening("hl7v2", hl7v2.RAW, hl7v2.flat_tables(), hl7v2.flatten)),
    ]


def _flat_step(step: Flattening) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{step.group}_flat",
        specs=[
            table_asset(
                table,
                group=step.group,
                kinds={"deltalake", step.group},
                deps=[dg.AssetKey(step.raw.name)],
            )
            for table in step.tables
        ],
        pool=WRITER_POOL,
    )
    @told_safely
    def _flat(home: LakewardHome) -> Iterator[dg.MaterializeResult[None]]:
        lake = home.lake()
        writes = {write.table: write for write in step.flatten(lake)}
        for table in step.tables:
            yield table_result(lake, table.name, writes.get(table.name))

    return _flat
