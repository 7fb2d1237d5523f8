"""The packaged views: what they promise, and their values against fhirpathpy as an oracle."""

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fhirpathpy import compile as fhirpath
from fhirpathpy.models import models

from lakeward.fhir.view_tables import flat_tables, packaged_views, table_of
from lakeward.lake.query import connect
from lakeward.sqlonfhir.schema import PRIMITIVES
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import PHI_TAG, Select, ViewColumn, ViewDefinition

SHARED = Path(os.environ.get("LAKEWARD_SHARED", "../shared/data")) / "fhir"
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "fhir_views" / "input"
SAMPLE = 4

OBJECTS = ["appointment", "encounter", "location", "patient", "practitioner", "service_request"]
CHILDREN = ["encounter_participant", "encounter_location", "appointment_participant"]
OTHERS = ["patient_telecom", "schedule", "schedule_actor", "slot", "task", "consent"]
EXPECTED = [*OBJECTS, *(f"{name}_identifier" for name in OBJECTS), *CHILDREN, *OTHERS]
COMMON = {
    "PractitionerRole",
    "Organization",
    "HealthcareService",
    "Coverage",
    "DiagnosticReport",
    "Observation",
    "AllergyIntolerance",
    "Condition",
    "MedicationRequest",
    "Procedure",
    "Communication",
    "QuestionnaireResponse",
    "Flag",
    "EpisodeOfCare",
    "RelatedPerson",
    "Group",
    "Provenance",
}


def test_every_view_that_the_spine_needs_is_there() -> None:
    assert set(EXPECTED) <= {view.name for view in packaged_views()}


def test_every_common_type_has_a_view_of_a_row_a_version() -> None:
    whole = {v.resource for v in packaged_views() if not any(s.for_each for s in v.select)}
    assert whole >= COMMON


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


def resources(kind: str) -> list[str]:
    """The golden resources of a type, and a sample of other people's when they are here."""
    chosen, found = random.Random(7), []
    for path in [GOLDEN / f"{kind}.ndjson", *sorted(SHARED.glob(f"*/{kind}.*ndjson"))]:
        lines = [line for line in path.read_text("utf-8").split("\n") if line.strip()]
        found += lines if path.parent == GOLDEN else chosen.sample(lines, min(SAMPLE, len(lines)))
    return found


@cache
def oracle(path: str) -> Callable[[Any], list[Any]]:
    compiled = fhirpath(path, models["r4"])
    return lambda resource: compiled(resource, {})


def known(column: ViewColumn) -> bool:
    """Whether plain FHIRPath has it: keys and row numbers are of SQL on FHIR."""
    return not any(skip in column.path for skip in ("getReferenceKey", "%rowIndex"))


def rows_of(selects: Sequence[Select], prefix: str, resource: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{}]
    for select in selects:
        rows = [{**a, **b} for a in rows for b in rows_of_one(select, prefix, resource)]
    return rows


def rows_of_one(select: Select, prefix: str, resource: Any) -> Iterator[dict[str, Any]]:
    prefixes, path = [prefix], select.for_each or select.for_each_or_null
    if path:
        count = len(oracle(prefix + path)(resource))
        prefixes = [f"({prefix}{path})[{n}]." for n in range(count)]
        if select.for_each_or_null and not prefixes:
            yield {column.name: None for column in select.columns() if known(column)}
    for start in prefixes:
        own = {}
        for column in filter(known, select.column):
            # a path that starts with a parenthesis cannot follow a dot
            bare = column.path if not start or column.path[0] != "(" else f"select({column.path})"
            # nor can a literal, which is the same wherever it stands
            literal = column.path.startswith("'") or column.path.isdigit()
            values = oracle(bare if literal else start + bare)(resource)
            assert len(values) <= 1, column.name
            own[column.name] = values[0] if values else None
        branches = [rows_of([branch], start, resource) for branch in select.union_all] or [[{}]]
        yield from (
            {**own, **row, **united}
            for row in rows_of(select.select, start, resource)
            for branch in branches
            for united in branch
        )


@pytest.mark.parametrize(
    "view",
    [view for view in packaged_views() if not any(select.repeat for select in view.select)],
    ids=lambda view: view.name,
)
def test_values_equal_fhirpathpy(view: ViewDefinition) -> None:
    texts = resources(view.resource)
    decimals = {column.name for column in view.columns() if column.type == "decimal"}
    query = compile_view(view, typed=False).over("delivered", ["n"])
    with connect() as connection:
        delivered = pa.table({"n": range(len(texts)), "resource": texts})
        connection.register("delivered", delivered)
        got = connection.sql(query).to_arrow_table().to_pylist()
    for number, text in enumerate(texts):
        resource = json.loads(text)
        is_wanted = all(oracle(condition.path)(resource) == [True] for condition in view.where)
        want = rows_of(view.select, "", resource) if is_wanted else []
        mine = [row for row in got if row["n"] == number]
        assert len(mine) == len(want)
        for row, expected in zip(mine, want, strict=True):
            found = {name: row[name] for name in expected}
            for name in decimals:
                found[name], expected[name] = (v and float(v) for v in (row[name], expected[name]))
            assert found == expected


def test_packaged_views_never_compare_all_items_with_each_other() -> None:
    """A patient with five thousand names took minutes when the union of names was made distinct."""
    assert not [
        v.name for v in packaged_views() if "list_position" in compile_view(v).statement.lower()
    ]


def test_packaged_views_never_fail_on_a_resource() -> None:
    """A column that may find several values would stop the night for one odd resource."""
    assert not [v.name for v in packaged_views() if "error(" in compile_view(v).statement.lower()]
