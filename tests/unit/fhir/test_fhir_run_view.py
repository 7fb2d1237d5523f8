"""`lakeward view run`: any view on any files, and what it says of files that are none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lakeward.core.errors import SpecError, UsageError
from lakeward.fhir.run_view import run_view
from lakeward.fhir.view_tables import packaged_views
from lakeward.orchestration.cli.app import app
from lakeward.sqlonfhir.viewdefinition import ViewDefinition, parse_view, read_view

ROOT = Path(__file__).resolve().parents[3]
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "birthDate": "1980-05",
    "name": [{"family": "A"}, {"family": "B", "use": "official"}],
}
GROUP = {"resourceType": "Group", "id": "g"}
LINE = json.dumps(PATIENT)


def patient_view() -> ViewDefinition:
    return next(view for view in packaged_views() if view.name == "patient")


def view_file(folder: Path, **column: Any) -> Path:
    columns = [{"name": "family", "path": "name.first().family", **column}]
    path = folder / "view.json"
    path.write_text(json.dumps({"resource": "Patient", "select": [{"column": columns}]}), "utf-8")
    return path


def test_a_folder_of_all_sorts(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.ndjson").write_bytes(b"\xef\xbb\xbf" + f'{LINE}\r\n\n{{broken\n"text"'.encode())
    (folder / "deep" / "packed").write_bytes(gzip.compress(LINE.encode()))
    (folder / "b.ndjson").write_text(json.dumps(GROUP), "utf-8")
    (folder / "binary.bin").write_bytes(b"\x89PNG\xff\n")
    (folder / "empty.ndjson").touch()
    done = run_view(patient_view(), folder)
    assert (done.used, done.other, done.broken) == (2, 2, 2)
    rows = done.rows.to_pylist()
    assert [(row["family_name"], row["birth_date"]) for row in rows] == [("B", "1980-05")] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"%PDF-1.7\n\xff\xfe", "holds no JSON; expected FHIR resources, one a line"),
        (gzip.compress(b"not json", mtime=0), "holds no JSON"),
    ],
)
def test_what_is_no_fhir_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "input"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        run_view(patient_view(), path)


def test_an_empty_folder_is_an_error_and_an_empty_file_gives_no_rows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty folder"):
        run_view(patient_view(), tmp_path)
    (tmp_path / "empty").touch()
    assert run_view(patient_view(), tmp_path).rows.num_rows == 0


def test_several_values_are_reported_by_position_and_never_by_value(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(LINE, "utf-8")
    view = read_view(view_file(tmp_path, path="name.family"))
    with pytest.raises(SpecError, match=r"column\[0\]: more than one value; set collection or"):
        run_view(view, tmp_path / "a.ndjson")


def test_an_error_of_the_database_is_reported_without_what_it_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(LINE, "utf-8")
    column = {"name": "v", "path": "id.matches('(')", "type": "boolean"}
    view = parse_view({"resource": "Patient", "select": [{"column": [column]}]}, "view")
    with pytest.raises(SpecError) as caught:
        run_view(view, tmp_path / "a.ndjson")
    assert str(caught.value).startswith("view view: cannot be run (")
    assert "p1" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "expected"),
    [("csv", "family\nA\n"), ("json", '[\n {\n  "family": "A"\n }\n]\n')],
)
def test_the_command_prints_rows_and_counts_apart(tmp_path: Path, form: str, expected: str) -> None:
    (tmp_path / "a.ndjson").write_text(f"{LINE}\n{{\n", "utf-8")
    arguments = [str(view_file(tmp_path)), "--input", str(tmp_path / "a.ndjson"), "--format", form]
    done = CliRunner().invoke(app, ["view", "run", *arguments])
    assert (done.exit_code, done.stdout) == (0, expected)
    assert done.stderr == "1 resources used, 0 others, 1 broken lines\n"


def test_the_header_is_there_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(GROUP), "utf-8")
    arguments = [str(view_file(tmp_path)), "--input", str(tmp_path / "a.ndjson")]
    done = CliRunner().invoke(app, ["view", "run", *arguments])
    assert (done.exit_code, done.stdout) == (0, "family\n")


def test_the_example_of_the_how_to_is_true(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-fhir-view.md").read_text("utf-8")
    text = page.split("```json\n")[1].split("```")[0]
    (tmp_path / "view.json").write_text(text, "utf-8")
    view = read_view(tmp_path / "view.json")
    assert [column.phi for column in view.columns()] == ["N", "CS", "LK", "QI"]
    shot = {
        "resourceType": "Immunization",
        "id": "i",
        "status": "completed",
        "vaccineCode": {"coding": [{"code": "140"}]},
        "patient": {"reference": "Patient/p1"},
        "occurrenceDateTime": "2026-01-05T09:00:00Z",
    }
    (tmp_path / "a.ndjson").write_text(json.dumps(shot), "utf-8")
    (row,) = run_view(view, tmp_path / "a.ndjson").rows.to_pylist()
    assert list(row.values()) == ["completed", "140", "p1", "2026-01-05T09:00:00Z"]
    (tmp_path / "view.json").write_text(text.replace("vaccineCode.", "vaccinCode."), "utf-8")
    with pytest.raises(SpecError) as caught:
        run_view(read_view(tmp_path / "view.json"), tmp_path)
    assert f"error: {caught.value}" in page
