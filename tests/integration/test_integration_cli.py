"""The command line as a user meets it: exit codes, one line of cause, one of remedy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAKEWARD = [sys.executable, "-m", "lakeward.orchestration.cli.app"]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAKEWARD, *arguments],
        env={**os.environ, "LAKEWARD_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("x")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("land", "nowhere", "{file}"),
        ("land", "ehr_fhir", "{file}.missing"),
        ("land", "ehr_fhir", "{file}", "--day", "2026-13-01"),
        ("land", "ehr_fhir", "{file}", "--day", "2999-01-01"),
        ("run", "--day", "yesterday"),
        ("run", "--day", "1999-01-01"),
        ("trace", "no-such-row"),
        ("sql", "select * from no_such_table"),
        ("sql", "drop table x"),
        ("release", "show", "no-such-release"),
        ("hl7", "inspect", "{file}.missing"),
        ("view", "run", "{file}.missing", "--input", "{file}"),
    ],
)
def test_bad_usage_gives_cause_and_remedy(
    tmp_path: Path, file: Path, arguments: tuple[str, ...]
) -> None:
    done = run(tmp_path / "home", *(a.format(file=file) for a in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "remedy"]


@pytest.mark.parametrize(
    "command", [("land", "ehr_fhir", "{file}"), ("run", "--day", "2026-01-05")]
)
def test_an_unwritable_home_gives_cause_and_remedy(file: Path, command: tuple[str, ...]) -> None:
    done = run(file / "home", *(a.format(file=file) for a in command))
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "remedy"]


def test_trace_names_file_and_place_of_the_change_behind_a_reminder(finished: Path) -> None:
    lists = sorted(finished.glob("outbox/messaging_vendor/*/*_r01.json"))
    row = json.loads(lists[-1].read_text())["rows"][0]
    done = run(finished, "trace", row["row_id"], "--json")
    assert done.returncode == 0, done.stderr
    origin = json.loads(done.stdout)["origin"]
    assert Path(origin["path"]).is_file()
    assert origin["place"].split()[0] in {"message", "line"}
    record = origin["record"]
    assert record.startswith(("SIU^S1", "Appointment version"))


def test_sql_reads_released_tables_in_three_formats(finished: Path) -> None:
    query = "select state, count(*) as files from ledger group by state order by state"
    as_json = run(finished, "sql", query, "--format", "json")
    assert {row["state"] for row in json.loads(as_json.stdout)} >= {"loaded"}
    assert run(finished, "sql", query, "--format", "csv").stdout.startswith("state,files\n")
    assert "loaded" in run(finished, "sql", query).stdout


def test_doctor_is_green_where_it_can_write(tmp_path: Path) -> None:
    findings = json.loads(run(tmp_path / "home", "doctor", "--json").stdout)
    unwell = [f["check"] for f in findings if not f["healthy"]]
    assert unwell in ([], ["port 3000"])
