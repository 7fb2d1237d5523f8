"""What an asset under contract shows of itself beside its size: counts and names, never values."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from lakeward.expectations.no_effect import NO_EFFECT, without_effect
from lakeward.lake.tables import Lake


def facts_of(lake: Lake, table: str) -> Mapping[str, Any]:
    """Return what a table shows of itself; nothing for most."""
    return _FACTS[table](lake) if table in _FACTS else {}


def _no_effect(lake: Lake) -> Mapping[str, Any]:
    found = without_effect(lake)
    return {
        "records_without_effect": sum(f.record_count for f in found if f.part == "record"),
        "to_be_mended": sum(f.record_count for f in found if not f.is_expected),
        "by_reason": dg.MetadataValue.table(
            records=[dg.TableRecord(asdict(f)) for f in found],
            schema=dg.TableSchema(
                columns=[dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()]
            ),
        ),
    }


_COLUMNS = {
    "source_system": "string",
    "record_type": "string",
    "part": "string",
    "reason": "string",
    "record_count": "int",
    "is_expected": "bool",
    "mended_by": "string",
    "meaning": "string",
}

_FACTS: Mapping[str, Callable[[Lake], Mapping[str, Any]]] = {NO_EFFECT: _no_effect}
