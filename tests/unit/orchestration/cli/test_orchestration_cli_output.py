"""Values are printed as text, whatever they hold."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from lakeward.orchestration.cli.output import PrintFormat, print_records, say

ODD = ["[/x]", "[bold]", "[red]a[/red]", ":smile:", "a\x1b[2J", "a\x00b", "\u202eabc", "\udcff"]


@pytest.mark.parametrize("value", ODD)
def test_a_table_shows_a_value_as_text(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_records([{"name": value, "n": 5, value: "x"}], PrintFormat.table)
    printed = capsys.readouterr().out
    assert (value if value.isprintable() else "?" if value == "\udcff" else "\ufffd") in printed
    assert not set(printed) & set("\x00\x1b\u202e")
    assert "5" in printed


@pytest.mark.parametrize("value", ODD[:-1])
def test_programs_get_the_value_as_it_is(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_records([{"name": value}], PrintFormat.json)
    assert json.loads(capsys.readouterr().out) == [{"name": value}]
    print_records([{"name": value}], PrintFormat.csv)
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == [{"name": value}]


def test_a_terminal_is_not_steered_by_csv(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_records([{"name": "a\x1b[2J", "at": datetime(2026, 1, 5, tzinfo=UTC)}], PrintFormat.csv)
    assert capsys.readouterr().out == "name,at\na\ufffd[2J,2026-01-05T00:00:00Z\n"


def test_a_line_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("file \x1b]0;x\x07 \udcff of José\n  next")
    assert capsys.readouterr().out == "file \ufffd]0;x\ufffd ? of José\n  next\n"
