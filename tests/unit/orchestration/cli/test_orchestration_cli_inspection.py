"""What `lakeward hl7 inspect` prints, for people and for programs."""

import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from hl7_inspection import inspect_file
from lakeward.core.paths import Home
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.cli.app import app

FILES = Path(__file__).resolve().parents[3] / "golden" / "hl7v2" / "hostile" / "files"
PACKAGED = resources.files("lakeward.landing") / "sources.yaml"


@pytest.fixture
def inspect(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEWARD_HOME", str(tmp_path))

    def run(*arguments: str):
        return CliRunner().invoke(app, ["hl7", "inspect", *arguments])

    return run


@pytest.mark.parametrize("path", sorted(FILES.iterdir())[::6], ids=lambda path: path.name)
def test_json_is_the_whole_description(inspect, tmp_path, path):
    result = inspect(str(path), "--json")
    assert result.exit_code == 0
    source = load_inventory(Home(tmp_path)).source("adt_hl7")
    assert json.loads(result.stdout) == inspect_file(path, source)


def test_people_see_envelopes_messages_and_reasons(inspect):
    path = FILES / "count-two-batches-one-lies.hl7"
    lines = inspect(str(path)).stdout.splitlines()
    assert "batch 2: promised 2, found 1 messages: quarantined (count_mismatch)" in lines
    assert lines[-2] == "3 found, 2 stored, 0 duplicate, 1 quarantined"
    assert lines[-1].startswith("  1 count_mismatch: ")
    assert sum("ADT^A08" in line for line in lines) == 2
    short = inspect(str(path), "--summary").stdout.splitlines()
    assert short == [*lines[:4], *lines[8:]]  # without the heading and three messages


def test_control_characters_do_not_reach_the_terminal(inspect, tmp_path):
    path = tmp_path / "a.hl7"
    path.write_bytes(b"MSH|^~\\&|A|F|||2026||ADT^A01|\x1b[31mred|P|2.5\rPID|1\r")
    assert "\x1b" not in inspect(str(path)).stdout


def test_a_folder_is_no_file(inspect, tmp_path):
    result = inspect(str(tmp_path))
    assert result.exit_code != 0
    assert "is a folder" in str(result.exception)


def test_an_interface_of_another_format_is_refused(inspect):
    result = inspect(str(next(FILES.iterdir())), "--source", "ehr_fhir")
    assert str(result.exception).startswith("source ehr_fhir: is not for HL7 v2; expected adt_hl7")


def test_without_a_source_the_first_interface_of_hl7_counts(inspect, tmp_path):
    packaged = yaml.safe_load(PACKAGED.read_text("utf-8"))
    own = [s | {"name": f"my_{s['name']}"} for s in packaged["sources"]]
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(packaged | {"sources": own}), "utf-8")
    assert inspect(str(next(FILES.iterdir()))).exit_code == 0
