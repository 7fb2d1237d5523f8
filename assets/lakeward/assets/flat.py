"""Assets of the flat layer: one typed table per FHIR view and per HL7 v2 segment."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.core.paths import Home
from lakeward.fhir import ingest as fhir
from lakeward.hl7v2 import ingest as hl7v2
from lakeward.hl7v2.sequence import HEADERS, sequence_facts
from lakeward.lake.tables import Lake, TableSpec, TableWrite


@dataclass(frozen=True)
class Flattening:
    """How one format's raw table becomes flat tables; `facts` gives counts by table and name."""

    group: str
    raw: TableSpec
    tables: Sequence[TableSpec]
    flatten: Callable[[Lake], list[TableWrite]]
    facts: Callable[[Lake], Mapping[str, Mapping[str, Any]]] = lambda _lake: {}


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
        _flat_step(
            Flattening(
                group="hl7v2",
                raw=hl7v2.RAW,
                tables=hl7v2.flat_tables(),
                flatten=hl7v2.flatten,
                facts=lambda lake: {HEADERS: sequence_facts(lake)},
            )
        ),
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
        facts = step.facts(lake)
        for table in step.tables:
            name = table.name
            yield table_result(lake, name, writes.get(name), extra=facts.get(name))

    return _flat
