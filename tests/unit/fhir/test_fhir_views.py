"""The packaged views: what they promise, and their values against fhirpathpy as an oracle."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhirpathpy import evaluate
from fhirpathpy.models import models

from lakeward.fhir.flat import flat_tables, table_of
from lakeward.fhir.rows import compile_view
from lakeward.fhir.schema import PRIMITIVES
from lakeward.fhir.viewdefinition import PHI_TAG, ViewDefinition, packaged_views
from lakeward.lake.query import connect

SHARED = Path(os.environ.get("LAKEWARD_SHARED", "../shared/data")) / "fhir"
FOLDERS = ("r4-spec-examples", "synthea-100-patients", "bulk-10-patients")
SAMPLE = 12

OBJECTS = ["appointment", "encounter", "location", "patient", "practitioner", "service_request"]
CHILDREN = ["encounter_participant", "encounter_location", "appointment_participant"]
OTHERS = ["patient_telecom", "schedule", "schedule_actor", "slot", "task", "consent"]
EXPECTED = [*OBJECTS, *(f"{name}_identifier" for name in OBJECTS), *CHILDREN, *OTHERS]


def test_every_view_that_the_spine_needs_is_there() -> None:
    assert set(EXPECTED) <= {view.name for view in packaged_views()}


@pytest.mark.parametrize("view", packaged_views(), ids=lambda view: view.name)
def test_every_column_has_type_and_phi_class_and_compiles(view: ViewDefinition) -> None:
    for column in view.columns():
        assert column.type in PRIMITIVES, column.name
        assert [tag for tag in column.tag if tag.name == PHI_TAG], column.name
        assert column.name == column.name.lower()
        assert column.name.endswith("_at") == (column.type in ("instant", "dateTime")), column.name
    compiled = compile_view(view)
    declared = {c.name: c.type for c in table_of(view).columns}
    assert {name: declared[name] for name in compiled.types} == dict(compiled.types)


def test_table_names_are_unique() -> None:
    names = [table.name for table in flat_tables()]
    assert len(names) == len(set(names))
    assert all(name.startswith("fhir__") for name in names)


def resources(kind: str) -> Iterator[str]:
    chosen = random.Random(7)
    for folder in FOLDERS:
        for path in sorted((SHARED / folder).glob(f"{kind}.*ndjson")):
            lines = [line for line in path.read_text("utf-8").split("\n") if line.strip()]
            yield from chosen.sample(lines, min(SAMPLE, len(lines)))


def expected(view: ViewDefinition, resource: Any) -> list[dict[str, Any]]:
    """One row, or one per item of the only forEach; columns that fhirpathpy can evaluate."""
    context, model = {"rowIndex": 0}, models["r4"]
    top = [c for s in view.select if not s.for_each for c in s.column]
    looped = next((s for s in view.select if s.for_each), None)
    prefixes = [""]
    if looped:
        count = len(evaluate(resource, looped.for_each, context, model))
        prefixes = [f"({looped.for_each})[{n}]." for n in range(count)]
    rows = []
    for prefix in prefixes:
        row = {}
        columns = [("", c) for c in top] + [(prefix, c) for c in (looped.column if looped else ())]
        for before, column in columns:
            if not any(skip in column.path for skip in ("getReferenceKey", "%rowIndex")):
                values = evaluate(resource, before + column.path, context, model)
                assert len(values) <= 1, column.name
                row[column.name] = values[0] if values else None
        rows.append(row)
    return rows


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no third-party data at {SHARED}")
@pytest.mark.parametrize("view", packaged_views(), ids=lambda view: view.name)
def test_values_equal_fhirpathpy(view: ViewDefinition) -> None:
    query = compile_view(view, typed=False).over("delivered")
    with connect() as connection:
        for text in resources(view.resource):
            connection.execute("create or replace table delivered as select ? as resource", [text])
            got = connection.sql(query).to_arrow_table().to_pylist()
            want = expected(view, json.loads(text))
            assert [{k: row[k] for k in want[0]} for row in got] == want if want else got == []
