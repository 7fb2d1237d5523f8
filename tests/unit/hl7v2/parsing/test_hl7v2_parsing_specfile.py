"""Specs of a deployment: what a home may add, and that a wrong file names its line."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.core.errors import SpecError
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.parsing.segments import packaged_specs, parse_spec, segment_specs
from lakeward.hl7v2.parsing.specfile import read_spec_file
from lakeward.hl7v2.raw.load import load
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.formats import collected_in
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, Volume

SPEC = "segment: ZPI\nabout: Local\ncolumns:\n  - [{}]\n"
DAY = date(2024, 1, 1)
SOURCE = Source.model_validate(
    {
        "name": "adt_hl7", "system": "ADT", "format": "hl7v2", "transport": "file",
        "owner": "team:adt", "purpose": "test", "time_zone": "America/New_York",
        "expected_volume": Volume(maximum=10), "end_of_support": date(2030, 1, 1),
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("a, PID-2, text, DI, x", 4),
        ("b, ZPI-2, text, DI, x]\n  - [a, ZPI-1, text, N, x", 5),
        ("b, ZPI-2, text, DI, x]\n  - [b, ZPI-1, text, DI, x", 5),
        ("b, ZPI-2, text, DI, x]\nchildren:\n  - {table: pid_identifier, about: x, fields: {}, "
         "columns: []}\n#[", 6),
        ("b, ZPI-2, text, DI, x]\n oops: [", 5),
    ],
)  # fmt: skip
def test_an_error_names_the_line(line, place):
    with pytest.raises(SpecError, match=rf"^segment spec ZPI\.yaml line {place}: "):
        parse_spec(SPEC.format(line), "ZPI.yaml", packaged_specs())


@given(
    st.text(max_size=60),
    st.integers(0, len(SPEC)),
    st.integers(0, 12),
)
def test_any_text_is_a_spec_or_an_error_with_a_line(noise, at, cut):
    text = SPEC.format("pet, ZPI-2, text, DI, x")
    failure = None
    try:
        parse_spec(text[:at] + noise + text[at + cut :], "ZPI.yaml", packaged_specs())
    except SpecError as error:
        failure = str(error)
    assert failure is None or re.match(r"segment spec ZPI\.yaml line \d+: ", failure)


def test_a_home_adds_segments_and_columns_and_a_broken_file_takes_nothing_away(tmp_path):
    (tmp_path / "ZPI.yaml").write_text(SPEC.format("pet, ZPI-2, text, DI, x"))
    (tmp_path / "PID.yaml").write_text(
        "segment: PID\nabout: x\ncolumns:\n  - [pet_name, PID-41, text, DI, x]\n"
    )
    (tmp_path / "PV1.yaml").write_text(
        "segment: PV1\nabout: x\ncolumns:\n  - [visit, PV1-50, cx, DI, x]\n"
    )
    problems: dict[str, str] = {}
    found = segment_specs(tmp_path, collected_in(problems))
    specs = {spec.segment: spec for spec in found}
    packaged = {spec.segment: spec for spec in packaged_specs()}
    assert specs.keys() - packaged.keys() == {"ZPI"}
    assert [leaf.name for leaf in specs["PID"].leaves if leaf.field == 41] == ["pet_name"]
    assert specs["PID"].leaves[: len(packaged["PID"].leaves)] == packaged["PID"].leaves
    assert specs["PV1"] == packaged["PV1"]
    ((table, problem),) = problems.items()
    assert table == "hl7v2__pv1"
    assert problem.startswith("segment spec PV1.yaml line 4: column named twice: visit_id")


def deliver(lake: Lake, landing: Path, received: int) -> None:
    """Load a file with one message that has a ZPI segment."""
    file = f"adt_hl7/2024-01-01/{received}.hl7"
    path = landing / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"MSH|^~\\&|APP|FAC|||20240101120000||ADT^A08|{received}|P|2.5\r"
        f"PID|1||{received}^^^LKWD^MR||Doe\rZPI|1|cat {received}\r",
        newline="",
    )
    load(lake, landing, SOURCE, [LedgerFile("adt_hl7", received, DAY, file, "", 1, None)])


def pets(lake: Lake) -> list[str]:
    with connect(lake) as connection:
        rows = connection.execute("select pet from hl7v2__zpi order by received").fetchall()
    return [pet for (pet,) in rows]


def test_a_segment_of_the_home_gets_a_table_with_old_messages_and_new(tmp_path, lake):
    home = tmp_path / "segments"
    home.mkdir()
    deliver(lake, tmp_path / "landing", 1)
    flatten(lake, home)
    (home / "ZPI.yaml").write_text(SPEC.format("pet, ZPI-2, text, DI, x"))
    flatten(lake, home)
    assert pets(lake) == ["cat 1"]
    deliver(lake, tmp_path / "landing", 2)
    flatten(lake, home)
    assert pets(lake) == ["cat 1", "cat 2"]


def test_a_table_whose_spec_was_broken_for_a_night_gets_that_night_later(tmp_path, lake):
    home = tmp_path / "segments"
    home.mkdir()
    spec = home / "ZPI.yaml"
    spec.write_text(SPEC.format("pet, ZPI-2, text, DI, x"))
    deliver(lake, tmp_path / "landing", 1)
    flatten(lake, home)
    spec.write_text("segment: ZPI: broken")
    deliver(lake, tmp_path / "landing", 2)
    reported: list[str] = []
    flatten(lake, home, lambda table, _error: reported.append(table))
    assert reported == ["hl7v2__zpi"]
    assert pets(lake) == ["cat 1"]
    spec.write_text(SPEC.format("pet, ZPI-2, text, DI, x"))
    flatten(lake, home)
    assert pets(lake) == ["cat 1", "cat 2"]


def test_a_text_that_only_one_yaml_loader_reads_is_an_error_of_the_spec() -> None:
    with pytest.raises(SpecError, match=r"segment spec ZXX\.yaml line 1"):
        read_spec_file("\tsegment: ZXX\n", "ZXX.yaml")
