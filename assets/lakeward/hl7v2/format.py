"""HL7 v2 as an input format: what `landing.formats.Format` asks, answered in one place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.flat.sequence_gaps import HEADERS, count_sequence_gaps
from lakeward.hl7v2.framing.explain import explain
from lakeward.hl7v2.parsing.segments import flat_tables
from lakeward.hl7v2.raw.envelopes import ENVELOPES, broken_promises, count_envelopes
from lakeward.hl7v2.raw.load import load
from lakeward.hl7v2.raw.table import RAW, REPEAT
from lakeward.hl7v2.stored_messages import MESSAGES
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


def _flat_tables(segments: Path | None) -> FlatTables:
    problems: dict[str, str] = {}
    tables = flat_tables(segments, collected_in(problems))
    return FlatTables(tables, problems)


def _flatten(lake: Lake, segments: Path | None) -> Flattened:
    problems: dict[str, str] = {}
    lost: list[LostRecords] = []
    writes = flatten(lake, segments, collected_in(problems), lost_in(lost))
    return Flattened(writes, problems, lost)


def _flat_facts(lake: Lake) -> Mapping[str, Mapping[str, Any]]:
    return {HEADERS: count_sequence_gaps(lake)}


def _explain(record: Rejected, content: bytes, landing: Path, source: Source) -> list[str]:
    """Say what is wrong with a record; where it stands in its file can be the reason."""
    return explain(content, source, landing / record.file, record.position)


def _starts_a_message(content: bytes) -> bool:
    return content.startswith(b"MSH")


HL7V2 = Format(
    name="hl7v2",
    is_state=False,
    raw=RAW,
    beside=(ENVELOPES, REPEAT),
    records=MESSAGES,
    load=load,
    facts=count_envelopes,
    broken_promises=broken_promises,
    specs="segments",
    flat_tables=_flat_tables,
    flatten=_flatten,
    flat_facts=_flat_facts,
    shape=Shape(".hl7", b"\r", keeps_lines=False, joins=_starts_a_message),
    explain=_explain,
    reads_utf16=True,
)
