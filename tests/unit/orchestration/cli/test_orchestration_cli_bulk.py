"""`lakeward bulk …` as a person or a script meets it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bulk_server import Scripted
from lakeward.landing.deliveries import deliveries
from lakeward.orchestration.cli.app import main

Make = Callable[..., Any]
Call = Callable[..., Any]


@dataclass(frozen=True)
class Said:
    """What a call printed."""

    stdout: str
    stderr: str


@pytest.fixture
def lakeward(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Call the command line in this process, as its entry point does."""

    def call(hospital: Any, *words: str, code: int = 0) -> Said:
        monkeypatch.setenv("LAKEWARD_HOME", str(hospital.settings.home.root))
        monkeypatch.setattr("sys.argv", ["lakeward", "bulk", *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = Said(*capsys.readouterr())
        assert left.value.code == code, said
        return said

    return call


def test_keys_are_made_registered_and_used(hospital: Make, lakeward: Call) -> None:
    one = hospital(auth=True)
    one.write_inventory()
    made = lakeward(one, "keygen", "ehr_fhir", "--algorithm", "RS384").stdout
    assert "Next: lakeward bulk jwks ehr_fhir" in made
    printed = json.loads(lakeward(one, "jwks", "ehr_fhir").stdout)
    assert [key["alg"] for key in printed["keys"]] == ["RS384", "ES384"]
    assert "d" not in printed["keys"][0]
    one.server.jwks = printed
    one.server.now = lambda: datetime.now(UTC)
    done = lakeward(one, "export", "ehr_fhir", "--day", "2026-01-04")
    assert done.stdout.splitlines() == [
        "Landed 2 file(s) of ehr_fhir for 2026-01-04.",
        "Next: lakeward run --day 2026-01-04",
    ]
    assert done.stderr == ""
    assert one.is_landed()
    (row,) = json.loads(lakeward(one, "status", "--json").stdout)
    assert (row["source"], row["state"], row["files"], row["done"]) == (
        "ehr_fhir",
        "complete",
        2,
        2,
    )
    assert row["held_up_to"].endswith("Z")


def test_once_stops_where_the_server_has_to_be_waited_for(hospital: Make, lakeward: Call) -> None:
    one = hospital(busy=1, retry_after="3600")
    one.write_inventory()
    waits = lakeward(one, "export", "ehr_fhir", "--once").stdout
    assert waits.startswith("Waiting until ")
    (row,) = json.loads(lakeward(one, "status", "ehr_fhir", "--json").stdout)
    assert row["state"] == "running"
    lakeward(one, "export", "ehr_fhir", "--once")
    assert len(one.server.of("kickoff")) == 1
    assert "Gave up export" in lakeward(one, "cancel", "ehr_fhir").stdout
    assert one.server.exports[0].is_deleted
    assert "No export is running" in lakeward(one, "cancel", "ehr_fhir").stdout
    assert deliveries(one.settings.home.landing, "ehr_fhir", date.max) == []


def test_a_failed_export_says_why_and_what_to_do(hospital: Make, lakeward: Call) -> None:
    one = hospital(damage=lambda _: b"<html>")
    one.bulk["retries"] = 1
    one.write_inventory()
    done = lakeward(one, "export", "ehr_fhir", code=2)
    first, second = done.stderr.splitlines()
    assert first.startswith(
        "error: export of ehr_fhir: file 1/output/0 of the manifest: not_ndjson"
    )
    assert second.startswith("remedy: what was fetched is kept: `lakeward bulk export ehr_fhir`")


def test_a_partial_export_exits_with_one(hospital: Make, lakeward: Call) -> None:
    from bulk_server import outcome

    one = hospital(outcomes=[outcome("exception")])
    one.write_inventory()
    done = lakeward(one, "export", "ehr_fhir", code=1)
    assert "the next export asks for the same time again" in done.stdout


def test_what_an_export_waits_for_is_reported(hospital: Make, lakeward: Call) -> None:
    throttled = Scripted(429, {"Retry-After": "1"})
    one = hospital(scripts={"kickoff": [throttled, throttled, throttled]})
    one.write_inventory()
    assert (
        "(kick-off rejected for now: 429)" in lakeward(one, "export", "ehr_fhir", "--once").stdout
    )
    done = lakeward(one, "export", "ehr_fhir")
    assert done.stderr == "ehr_fhir: kick-off rejected for now: 429; trying again\n"
    assert "Landed" in done.stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["export", "ehr_fihr"], "did you mean ehr_fhir?"),
        (["export", "ehr_fhir", "--day", "yesterday"], "write it as 2026-01-05"),
        (["export", "ehr_fhir", "--since", "2026-01-05T06:00:00"], "2026-01-05T06:00:00Z"),
        (["keygen"], "name a source"),
        (["keygen", "ehr_fhir", "--algorithm", "HS256"], "choose one"),
        (["jwks", "ehr_fhir"], "make one: `lakeward bulk keygen`"),
    ],
)
def test_the_error_of_a_wrong_call_says_how_to_correct_it(
    hospital: Make, lakeward: Call, words: list[str], what: str
) -> None:
    one = hospital()
    one.write_inventory()
    done = lakeward(one, *words, code=2)
    assert len(done.stderr.splitlines()) == 2
    assert what in done.stderr.splitlines()[1]
