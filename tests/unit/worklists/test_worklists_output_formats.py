"""CSV and JSON: safe, exact, the same every time."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.worklists.output_formats import BOM, csv_bytes, csv_cell, json_bytes

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


@given(st.text())
def test_no_cell_starts_a_formula(text: str) -> None:
    assert not csv_cell(text).startswith(RISKY)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_cell_comes_back_through_a_csv_reader(text: str) -> None:
    rows = [{"a": text, "b": "x"}]
    read = csv.reader(io.StringIO(csv_bytes(["a", "b"], rows)[3:].decode(), newline=""))
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
    content = csv_bytes(["a", "b"], [{"a": 'say "hi", now', "b": "Zoë"}])
    assert content == BOM + 'a,b\r\n"say ""hi"", now",Zoë\r\n'.encode()


def test_json_keeps_values_as_they_are() -> None:
    rows = [{"contact": "+16175550100", "note": "=1", "gone": None}]
    assert json.loads(json_bytes({"revision": 1}, rows)) == {"meta": {"revision": 1}, "rows": rows}
