"""All code maps out to a file and back: nothing changes but what a person has changed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from lakeward.contracts import load_contracts
from lakeward.core.errors import SpecError, UsageError
from lakeward.core.settings import Settings, load_settings
from lakeward.lake.candidate import contract_table, store_candidate
from lakeward.lake.code_maps import (
    UNMAPPED,
    CodeRow,
    changes_of,
    code_maps,
    code_rows,
    write_changes,
)
from lakeward.lake.query import connect, snapshot
from lakeward.lake.release import Decision, decide
from lakeward.lake.tables import Lake
from lakeward.orchestration.cli.app import app
from lakeward.orchestration.code_files import read_codes, write_codes

SOURCES = ("adt_hl7", "ehr_fhir", "orders_hl7")
KINDS = (".xlsx", ".csv")
DAY, AS_OF = date(2026, 1, 5), datetime(2026, 1, 6, 5, tzinfo=UTC)
COUNTED = (
    ("bed_status", "adt_hl7", "DIRTY", 7),
    ("bed_status", "adt_hl7", "WET", 9),
    ("bed_status", "adt_hl7", "", 1000),
    ("trigger_event", "adt_hl7", "ADT^A99", 3),
    ("priority", "orders_hl7", "007", 2),
)


def _released(home: Settings) -> None:
    """Release a count of unmapped codes, as the store does."""
    lake, spec = Lake(home.home.lake), contract_table(load_contracts()[UNMAPPED])
    values = ", ".join(str(row) for row in COUNTED)
    stated = {"code_map", "source_system", "from_code", "row_count"}
    others = {"source_ref": "'x'", "quality_flags": "cast([] as varchar[])"}
    columns = ", ".join(
        c.name
        if c.name in stated
        else f"{others.get(c.name, f'cast(null as {c.type})')} as {c.name}"
        for c in spec.columns
    )
    head = "code_map, source_system, from_code, row_count"
    with connect(lake) as connection:
        store_candidate(
            lake, connection, UNMAPPED, f"select {columns} from (values {values}) as t({head})"
        )
    pinned = snapshot(lake, UNMAPPED)
    assert pinned is not None
    decide(lake, Decision("canonical", {UNMAPPED: pinned.version}, DAY, AS_OF, "1", (), "r"))


def _imported(home: Settings, path: Path) -> int:
    changes = changes_of(home.home, path.name, read_codes(path), SOURCES)
    write_changes(home.home, changes)
    return len(changes)


def _counted_rows(home: Settings) -> Mapping[tuple[str, str, str], str]:
    rows = code_rows(home)
    return {(r.code_map, r.source_system, r.from_code): r.to_code for r in rows if r.to_code}


def test_unmapped_codes_are_in_it_with_their_counts(settings: Settings) -> None:
    _released(settings)
    rows = [row for row in code_rows(settings) if not row.to_code]
    assert rows == [
        CodeRow("bed_status", "adt_hl7", "WET", rows=9),
        CodeRow("bed_status", "adt_hl7", "DIRTY", rows=7),
        CodeRow("priority", "orders_hl7", "007", rows=2),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_nobody_edits_changes_nothing(
    settings: Settings, tmp_path: Path, kind: str
) -> None:
    _released(settings)
    path = tmp_path / f"codes{kind}"
    write_codes(path, code_rows(settings))
    content = path.read_bytes()
    assert _imported(settings, path) == 0
    assert not list(settings.home.config.glob("*"))
    write_codes(path, code_rows(settings))
    assert path.read_bytes() == content


def test_what_a_person_maps_is_set_and_can_be_taken_back(
    settings: Settings, tmp_path: Path
) -> None:
    _released(settings)
    path = tmp_path / "codes.xlsx"
    write_codes(path, code_rows(settings))
    book = load_workbook(path)
    sheet = book["codes"]
    for row in sheet.iter_rows(min_row=2):
        if row[2].value in ("WET", "DIRTY"):
            row[3].value = "H"
        if row[2].value == "007":
            # as a spreadsheet does with what a person types
            row[2].value, row[3].value = 7, "stat"
    book.save(path)
    assert _imported(settings, path) == 2
    own = (settings.home.config / "code_map_bed_status.csv").read_text()
    assert own == (
        "source_system,code_map,from_code,to_code,origin,reason\n"
        "adt_hl7,bed_status,DIRTY,H,local,mapped by the site\n"
        "adt_hl7,bed_status,WET,H,local,mapped by the site\n"
    )
    counted = _counted_rows(settings)
    assert counted["bed_status", "adt_hl7", "WET"] == "H"
    assert counted["priority", "orders_hl7", "7"] == "stat"
    assert [r.from_code for r in code_rows(settings) if not r.to_code] == ["007"]
    for row in sheet.iter_rows(min_row=2):
        if row[2].value in ("WET", "DIRTY", 7):
            row[3].value = None
    book.save(path)
    assert _imported(settings, path) == 2
    assert not list(settings.home.config.glob("*"))


_CODES = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12
) | st.sampled_from(["=1+1", "007", "1e5", "_x0041_", "'quoted", '"', ",", "@SUM", "TRUE", "a b"])
_EDITS = st.dictionaries(
    st.tuples(st.sampled_from(sorted(code_maps())), st.sampled_from(["*", *SOURCES]), _CODES),
    st.integers(0, 50),
    max_size=8,
)


@pytest.mark.parametrize("kind", KINDS)
@hypothesis_settings(max_examples=12, deadline=None)
@given(edits=_EDITS)
def test_any_edit_comes_back_as_it_was_written(
    edits: dict[tuple[str, str, str], int], kind: str
) -> None:
    with TemporaryDirectory() as folder:
        home, path = load_settings(Path(folder) / "home"), Path(folder) / f"codes{kind}"
        before = _counted_rows(home)
        wanted = {}
        for key, choice in edits.items():
            targets = code_maps()[key[0]].packaged("to_code")
            wanted[key] = targets[choice % len(targets)]
        write_codes(path, [CodeRow(*key, to_code=to) for key, to in wanted.items()])
        _imported(home, path)
        assert _counted_rows(home) == {**before, **wanted}
        # out again, whole, and back: the same home
        set_by_home = {p.name: p.read_bytes() for p in home.home.config.glob("*")}
        write_codes(path, code_rows(home))
        assert _imported(home, path) == 0
        assert {p.name: p.read_bytes() for p in home.home.config.glob("*")} == set_by_home


HEAD = "code_map,source_system,from_code,to_code,origin,reason\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("from,to\n", "codes.csv: its first line is another one"),
        (
            HEAD + "bed_status,*,Zq,Zq,local,a\n",
            "codes.csv line 2: to_code is not valid; expected C",
        ),
        (HEAD + "beds,*,Zq,H,local,a\n", "codes.csv line 2: names no code map"),
        (HEAD + "\nbed_status,Zq,X,H,,\n", "codes.csv line 3: source_system is not valid"),
        (HEAD + "bed_status,*,H,,,\n", "codes.csv line 2: takes out a packaged row"),
        (HEAD + 2 * "bed_status,*,Zq,H,,\n", "codes.csv line 3: states the same"),
    ],
)
def test_nothing_is_written_when_a_line_cannot_be(
    settings: Settings, tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        _imported(settings, path)
    assert str(caught.value).startswith(problem)
    assert "Zq" not in str(caught.value)
    assert not settings.home.config.exists()


def test_files_of_another_kind_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="of no kind"):
        write_codes(tmp_path / "codes.ods", code_rows(settings))
    with pytest.raises(UsageError, match="is not there"):
        read_codes(tmp_path / "codes.xlsx")
    (tmp_path / "codes.xlsx").write_bytes(b"no workbook")
    with pytest.raises(SpecError, match="cannot be read"):
        read_codes(tmp_path / "codes.xlsx")


def test_the_commands_say_counts_and_never_a_code(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _released(settings)
    monkeypatch.setenv("LAKEWARD_HOME", str(settings.home.root))
    path = tmp_path / "codes.csv"
    done = CliRunner().invoke(app, ["codes", "export", str(path)])
    assert done.exit_code == 0
    assert "3 of them codes that no map knows" in done.stdout
    assert "which 18 row(s)" in done.stdout
    path.write_text(path.read_text().replace("adt_hl7,WET,,,", "adt_hl7,WET,H,,"))
    done = CliRunner().invoke(app, ["codes", "import", str(path)])
    assert done.exit_code == 0
    assert "code_map_bed_status" in done.stdout
    assert "WET" not in done.stdout
    again = CliRunner().invoke(app, ["codes", "import", str(path)])
    assert again.stdout.startswith("Nothing changes")
