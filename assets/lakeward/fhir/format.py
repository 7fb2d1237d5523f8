"""FHIR as an input format: what `landing.formats.Format` asks, answered in one place."""

from pathlib import Path

from lakeward.fhir.flat import derived_tables
from lakeward.fhir.raw.explain import explain
from lakeward.fhir.raw.load import RAW, load
from lakeward.fhir.raw.repeats import REPEAT
from lakeward.fhir.raw.unknown_elements import beyond_r4
from lakeward.fhir.stored_resources import RESOURCES
from lakeward.lake.tables import Lake
from lakeward.landing.formats import (
    FlatTables,
    Flattened,
    Format,
    LostRecords,
    collected_in,
    lost_in,
)
from lakeward.landing.sources import Source
from lakeward.quarantine.compose import Shape
from lakeward.quarantine.records import Rejected


def _flat_tables(views: Path | None) -> FlatTables:
    problems: dict[str, str] = {}
    tables = derived_tables.flat_tables(views, collected_in(problems))
    return FlatTables(tables, problems)


def _flatten(lake: Lake, views: Path | None) -> Flattened:
    problems: dict[str, str] = {}
    lost: list[LostRecords] = []
    writes = derived_tables.flatten(lake, views, collected_in(problems), lost_in(lost))
    return Flattened(writes, problems, lost)


def _explain(_record: Rejected, content: bytes, _landing: Path, _source: Source) -> list[str]:
    """Say what is wrong with a record; its own bytes are all that decides."""
    return explain(content)


def _is_one_line(content: bytes) -> bool:
    # a corrected resource may stand on several lines; then it is a file of its own
    return b"\n" not in content and bool(content.strip())


FHIR = Format(
    name="fhir",
    is_state=True,
    raw=RAW,
    beside=(REPEAT,),
    records=RESOURCES,
    load=load,
    facts=beyond_r4,
    specs="views",
    flat_tables=_flat_tables,
    flatten=_flatten,
    shape=Shape(".ndjson", b"\n", keeps_lines=True, joins=_is_one_line),
    explain=_explain,
)
