"""The public SQL-on-FHIR suite: every test passes, experimental ones and expected errors too."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lakeward.core.errors import SpecError
from lakeward.lake.query import DatabaseError, connect
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import ViewDefinition, parse_view

SUITE = Path(os.environ.get("LAKEWARD_SHARED", "../shared/data")) / "sql-on-fhir" / "tests"
PASSING = 134
REPORT = Path(__file__).resolve().parents[2] / "build" / "test_report.json"

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


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The outcome of the whole suite, in the shape in which implementations publish theirs."""
    return {
        path.name: {"tests": [outcome(case, suite["resources"]) for case in suite["tests"]]}
        for path in sorted(SUITE.glob("*.json"))
        if (suite := json.loads(path.read_text("utf-8")))
    }


def outcome(case: Row, resources: list[Row]) -> Row:
    return {"name": case["title"], "result": {"passed": passes(case, resources)}}


def test_the_suite_passes_whole(report: dict[str, Any]) -> None:
    tests = [(file, test) for file, entry in report.items() for test in entry["tests"]]
    failed = [f"{file}: {t['name']}" for file, t in tests if not t["result"]["passed"]]
    assert not failed
    assert len(tests) == PASSING


def test_the_report_is_written_as_the_suite_publishes_it(report: dict[str, Any]) -> None:
    """`build/test_report.json` can be handed to the suite's page of implementations as it is."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    written = json.loads(REPORT.read_text("utf-8"))
    assert set(written) == {path.name for path in SUITE.glob("*.json")}
    entries = [test for file in written.values() for test in file["tests"]]
    assert [set(test) for test in entries] == [{"name", "result"}] * PASSING
    assert [test["result"] for test in entries] == [{"passed": True}] * PASSING
    titles = {c["title"] for p in SUITE.glob("*.json") for c in json.loads(p.read_text())["tests"]}
    assert {test["name"] for test in entries} == titles


def test_a_wrong_result_is_reported_as_one() -> None:
    view = {"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}
    patients = [{"resourceType": "Patient", "id": "p"}]
    case = {"title": "t", "view": view, "expect": [{"id": "another"}]}
    assert outcome(case, patients) == {"name": "t", "result": {"passed": False}}
    assert passes({**case, "expect": [{"id": "p"}]}, patients)
    assert not passes({"title": "t", "view": view, "expectError": True}, patients)
