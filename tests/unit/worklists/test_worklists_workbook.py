"""The workbook opens, holds text as text, executes nothing and is the same each time."""

import io
import zipfile

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st
from lists import COLUMNS, meta, row

from lakeward.worklists.workbook import workbook_bytes


def opened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_a_sheet_to_filter_and_print_and_one_about_it() -> None:
    book = opened(workbook_bytes(COLUMNS, meta(), [row(1), row(2)]))
    assert book.sheetnames == ["List", "About"]
    sheet = book["List"]
    head = [cell.value for cell in sheet[1]]
    assert head[:3] == ["No.", "Action", "Referral ID"]
    assert head[-1] == "Row"
    first = dict(zip(head, [cell.value for cell in sheet[2]], strict=True))
    assert first["No."] == 1
    assert first["Referral ID"] == "0001"
    assert first["Breach (hours)"] == 683.8
    assert first["State"] == "ready to schedule"
    assert first["Row"] == row(1)["row_id"]
    assert sheet.freeze_panes == "B2"
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.tables["Worklist"].ref.startswith("A1:")
    assert not any(column.hidden for column in sheet.column_dimensions.values())
    about = {a.value: b.value for a, b in book["About"].iter_rows(max_col=2)}
    assert about["Data known until"] == "2026-01-08 00:00"
    assert about["Not current"] == "no"


def test_a_list_that_is_not_current_says_so_above_its_header() -> None:
    stale = meta(stale=True, stale_since="2026-01-06T00:00:00+11:00")
    sheet = opened(workbook_bytes(COLUMNS, stale, [row(1)]))["List"]
    assert "Not current" in sheet["A1"].value
    assert sheet["A2"].value == "No."
    assert sheet.freeze_panes == "B3"


def test_an_empty_list_opens() -> None:
    sheet = opened(workbook_bytes(COLUMNS, meta(row_count=0), []))["List"]
    assert sheet["A1"].value == "No."


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_no_text_becomes_a_formula_a_link_or_a_number(text: str) -> None:
    content = workbook_bytes(COLUMNS, meta(), [row(1, reason=f"={text}", referral_id="=1+1")])
    sheet = opened(content)["List"]
    head = [cell.value for cell in sheet[1]]
    for name in ("Reason", "Referral ID"):
        assert sheet.cell(2, head.index(name) + 1).data_type in {"s", "inlineStr"}
    assert sheet.cell(2, head.index("Referral ID") + 1).value == "=1+1"


def test_nothing_of_the_machine_and_no_moment_is_inside() -> None:
    content = workbook_bytes(COLUMNS, meta(), [row(1)])
    assert content == workbook_bytes(COLUMNS, meta(), [row(1)])
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert {each.date_time[0] for each in parts.infolist()} == {1980}
        assert not [n for n in parts.namelist() if "vba" in n or "externalLink" in n]
        assert b"2020-01-01T00:00:00Z" in parts.read("docProps/core.xml")
