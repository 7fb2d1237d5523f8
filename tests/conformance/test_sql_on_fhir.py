"""The public SQL-on-FHIR suite: every test passes, experimental ones and expected errors too."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import SpecError
from lakeward.fhir.rows import compile_view
from lakeward.fhir.viewdefinition import ViewDefinition, parse_view
from lakeward.lake.query import DatabaseError, connect

SUITE = Path(os.environ.get("LAKEWARD_SHARED", "../shared/data")) / "sql-on-fhir" / "tests"
PASSING = 134

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason=f"no SQL-on-FHIR suite at {SUITE}")

Row = dict[str, Any]


def run(case: Row, resources: list[Row]) -> tuple[list[str], list[Row], ViewDefinition]:
    view = parse_view(case["view"], "view")
    query = compile_view(view, typed=False).over("delivered")
    with connect() as connection:
        connection.execute("create table delivered (resource varchar)")
        for resource in resources:
            if resource["resourceType"] == view.resource:
                connection.execute("insert into delivered values (?)", [json.dumps(resource)])
        table = connection.sql(query).to_arrow_table()
    return table.column_names, table.to_pylist(), view


def comparable(rows: list[Row], view: ViewDefinition) -> list[str]:
    """Rows without order; decimals as numbers, because ours keep their text."""
    decimals = {c.name for c in view.columns() if c.type == "decimal"}
    return sorted(
        json.dumps(
            {k: float(v) if k in decimals and v is not None else v for k, v in row.items()},
            sort_keys=True,
        )
        for row in rows
    )


def passes(case: Row, resources: list[Row]) -> bool:
    try:
        names, rows, view = run(case, resources)
    except (SpecError, DatabaseError):
        return bool(case.get("expectError"))
    if case.get("expectError"):
        return False
    if "expectCount" in case:
        return len(rows) == case["expectCount"]
    if "expectColumns" in case and names != case["expectColumns"]:
        return False
    return comparable(rows, view) == comparable(case["expect"], view)


def test_the_suite_passes_whole() -> None:
    outcome: dict[str, bool] = {}
    for path in sorted(SUITE.glob("*.json")):
        suite = json.loads(path.read_text("utf-8"))
        for case in suite["tests"]:
            outcome[f"{path.name}: {case['title']}"] = passes(case, suite["resources"])
    failed = [name for name, passed in outcome.items() if not passed]
    assert not failed
    assert len(outcome) == PASSING
