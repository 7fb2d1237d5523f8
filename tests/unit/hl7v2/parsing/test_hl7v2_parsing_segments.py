"""Segment specs: what the shipped ones hold, and that a wrong one is rejected."""

from importlib import import_module

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi
from lakeward.hl7v2.parsing.segments import (
    flat_tables,
    parse_spec,
    segment_specs,
    spec_sha,
)
from lakeward.lake.tables import arrow_schema

SPINE = {
    "MSH", "EVN", "PID", "PV1", "PV2", "MRG", "SCH", "AIS", "AIL", "AIP", "ORC", "OBR", "RF1",
    "PRD", "NPU",
}  # fmt: skip
MEANING = {
    "AIG", "OBX", "NTE", "AL1", "DG1", "IN1", "IN3", "NK1", "GT1", "ROL", "PD1", "CON", "ARV",
    "STF", "PRA", "ORG", "LOC", "LCH", "LDP", "TXA", "FT1", "MFI", "MFE", "MSA", "ERR", "RGS",
    "TQ1", "AUT",
}  # fmt: skip
SPEC = "segment: ZPI\nabout: Local\ncolumns:\n  - [{}]\n"


def test_segments_of_the_spine_and_those_that_give_it_meaning() -> None:
    assert {spec.segment for spec in segment_specs()} >= SPINE | MEANING


def test_every_field_is_one_of_the_standard() -> None:
    standard = [import_module(f"hl7apy.{version}").SEGMENTS for version in ("v2_5_1", "v2_8")]
    for spec in segment_specs():
        defined = {
            int(field[0].rpartition("_")[2])
            for segments in standard
            for field in segments.get(spec.segment, (None, ()))[1]
        }
        taken = {leaf.field for leaf in spec.leaves}
        taken |= {field for child in spec.children for field, _ in child.fields}
        assert taken <= defined, spec.segment


def test_tables_have_a_schema_and_hide_text_of_messages() -> None:
    for table in flat_tables():
        assert arrow_schema(table).names == [c.name for c in table.columns]
        derived = ("_precision", "_zone_source")
        plain = {c.name for c in table.columns[7:] if c.phi is Phi.N}
        assert all(name.endswith(derived) or name in {"repeat", "kind"} for name in plain)


def test_a_new_field_is_one_line() -> None:
    one = parse_spec(SPEC.format('a, ZPI-2, cx, DI, "x"'), "ZPI.yaml")
    assert [c.name for leaf in one.leaves for c in leaf.columns()] == [
        "a_id",
        "a_authority",
        "a_authority_universal_id",
        "a_type",
    ]
    assert spec_sha(one) != spec_sha(parse_spec(SPEC.format('a, ZPI-3, cx, DI, "x"'), "ZPI.yaml"))


@pytest.mark.parametrize(
    "line",
    [
        "a, PID-2, text, DI, x",
        "a, ZPI-x, text, DI, x",
        "a, ZPI-1, blob, DI, x",
        "a, ZPI-1, text, N, x",
    ],
)
def test_wrong_lines_are_rejected(line: str) -> None:
    with pytest.raises(SpecError, match=r"segment spec ZPI\.yaml"):
        parse_spec(SPEC.format(line), "ZPI.yaml")


def test_columns_named_twice_are_rejected() -> None:
    with pytest.raises(SpecError, match="named twice"):
        parse_spec(SPEC.format("a, ZPI-1, text, DI, x]\n  - [a, ZPI-2, text, DI, x"), "ZPI.yaml")
