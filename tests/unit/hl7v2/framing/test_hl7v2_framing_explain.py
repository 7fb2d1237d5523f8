"""What is wrong with a rejected message: which segment, separator, byte or count, never a value."""

from pathlib import Path

import pytest

from lakeward.hl7v2.framing.explain import explain
from lakeward.landing.sources import Source

CANARY = "Zzyzxova"
HEADER = "MSH|^~\\&|ADT|LKWD|X|Y|20260105101500||ADT^A04|C1|P|2.5.1"
PID = f"PID|1||QJX7730991^^^LKWD^MR||{CANARY}^Q"


def source(**more: object) -> Source:
    return Source.model_validate(
        {
            "name": "adt",
            "system": "s",
            "format": "hl7v2",
            "transport": "file",
            "owner": "team:x",
            "purpose": "p",
            "time_zone": "UTC",
            "expected_volume": {"maximum": 1},
            "end_of_support": "2029-12-31",
            **more,
        }
    )


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (f"{HEADER}\r{PID}", "separators: field |, component ^, repetition ~, escape \\, sub"),
        (f"{HEADER}\r{CANARY} wrote\r{PID}", "segment 2: does not begin with a segment name"),
        (f"{PID}\rPV1|1", "segment 1: is not MSH"),
        (f"MSH\r{PID}", "MSH-1: is no usable field separator"),
        (f"MSHAB\r{PID}", "MSH-1: is no usable field separator"),
        (f"MSH||ADT\r{PID}", "MSH-2: is empty"),
        (f"MSH|^^\\&|ADT\r{PID}", "MSH-2: is no list of separators (4 bytes)"),
        (f"{HEADER.replace('ADT^A04', '')}\r{PID}", "MSH-9: is empty"),
        (f"{HEADER}||||||NO SUCH SET\r{PID}", "MSH-18: names no known character set"),
        (f"{HEADER}\r{PID}", "character set utf-8 (from utf8): decodes"),
        ("\r", "record: is empty"),
    ],
)
def test_a_finding_names_the_element(content: str, finding: str, tmp_path: Path) -> None:
    found = explain(content.encode(), source(), tmp_path / "gone.hl7", 1)
    assert [line for line in found if line.startswith(finding)], found
    assert not [line for line in found if CANARY in line or "QJX" in line or "NO SUCH" in line]


def test_the_first_byte_that_does_not_decode_is_reported(tmp_path: Path) -> None:
    content = f"{HEADER}||||||ASCII\r{PID}".encode() + b"\xe9"
    found = explain(content, source(), tmp_path / "gone.hl7", 1)
    at = len(content) - 1
    assert (
        f"character set ascii (from msh18): does not decode from byte {at} of the record on"
        in found
    )
    found = explain(content, source(charset="utf-8"), tmp_path / "gone.hl7", 1)
    assert [
        line for line in found if line.startswith("character set utf-8 (from source): does not")
    ]


def test_promised_and_found_counts_are_those_of_its_batch(tmp_path: Path) -> None:
    path = tmp_path / "a.hl7"
    one = f"{HEADER}\r{PID}"
    path.write_text(f"FHS|^~\\&\rBHS|^~\\&\r{one}\rBTS|1\rBHS|^~\\&\r{one}\r{one}\rBTS|5\rFTS|3\r")
    found = explain(one.encode(), source(), path, 3)
    assert "batch 2: 5 messages promised, 2 found" in found
    assert "file: 3 batches promised, 2 found" in found
    assert "batch 1: 1 messages promised, 1 found" in explain(one.encode(), source(), path, 1)


def test_what_the_interface_takes_is_named_as_a_count(tmp_path: Path) -> None:
    found = explain(f"{HEADER}\r{PID}".encode(), source(accepted_senders=["A", "B"]), tmp_path, 1)
    assert (
        "MSH-3 and MSH-4: the interface takes 2 only, see its accepted_senders in sources.yaml"
        in found
    )
