"""CSV and JSON: safe, exact, the same every time."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import SpecError
from lakeward.worklists.output_formats import (
    BOM,
    FORMATS,
    check_formats,
    csv_bytes,
    csv_cell,
    formats_of,
    json_bytes,
)

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


@given(st.text())
def test_no_cell_starts_a_formula(text: str) -> None:
    assert not csv_cell(text).startswith(RISKY)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_cell_comes_back_through_a_csv_reader(text: str) -> None:
    rows = [{"a": text, "b": "x"}]
    read = csv.reader(io.StringIO(csv_bytes(["a", "b"], {}, rows)[3:].decode(), newline=""))
    assert list(read)[1] == [csv_cell(text), "x"]
    assert csv_cell(text).endswith(text) or csv_cell(text).startswith("(")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("+16175550100", "(617) 555-0100"),
        ("+442071838750", "'+442071838750"),
        ("00012345", "00012345"),
    ],
)
def test_cells(value: str | int | None, cell: str) -> None:
    assert csv_cell(value) == cell


def test_csv_is_what_spreadsheets_expect() -> None:
    content = csv_bytes(["a", "b"], {}, [{"a": 'say "hi", now', "b": "Zoë"}])
    assert content == BOM + 'a,b\r\n"say ""hi"", now",Zoë\r\n'.encode()


def test_json_keeps_values_as_they_are() -> None:
    rows = [{"contact": "+16175550100", "note": "=1", "gone": None}]
    content = json_bytes([], {"revision": 1}, rows)
    assert json.loads(content) == {"meta": {"revision": 1}, "rows": rows}


def test_exactly_one_format_is_kept_for_comparison() -> None:
    assert [each.name for each in FORMATS if each.is_kept] == ["json"]
    assert len({each.name for each in FORMATS}) == len({each.suffix for each in FORMATS})


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ((), ["csv", "json", "xlsx", "html"]),
        (("json",), ["json"]),
        (("json", "csv"), ["csv", "json"]),
    ],
)
def test_a_contract_chooses_its_formats(chosen: tuple[str, ...], names: list[str]) -> None:
    contract = replace(_reminders(), export_formats=chosen)
    assert [each.name for each in formats_of(contract)] == names
    assert check_formats([contract]) == []


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [(("json", "pdf"), "exportFormats names pdf"), (("csv",), "leave out json")],
)
def test_a_format_that_there_is_not_and_a_missing_kept_one_are_errors(
    chosen: tuple[str, ...], problem: str
) -> None:
    contract = replace(_reminders(), export_formats=chosen)
    with pytest.raises(SpecError, match=problem):
        formats_of(contract)
    (line,) = check_formats([contract])
    assert problem in line


def _reminders() -> Contract:
    return load_contracts()["worklist__appointment_reminders"]
