"""Envelope segments: their fields, counts and counters."""

import pytest

from lakeward.hl7v2.framing.envelope import (
    WARNINGS,
    Header,
    count_skipped,
    read_count,
    read_header,
)

WHOLE = b"BHS|^~\\&|APP^1.2^ISO|FAC|RAPP|RFAC|20260310|sec|name^x|note|ID^7|REF"


def test_a_header_gives_its_fields_by_their_numbers() -> None:
    assert read_header(WHOLE) == Header(
        "APP", "FAC", "RAPP", "RFAC", "20260310", "name", "ID^7", "REF"
    )


@pytest.mark.parametrize(
    ("line", "control_id"),
    [
        (b"FHS|^~\\&|A|F|||||||N1", "N1"),
        (b"FHS#*%!@#A#F#######N1", "N1"),
        (b"FHS|^~\\&|A|F|||||||  N1 ", "N1"),
        (b'FHS|^~\\&|A|F|||||||""', None),
        (b"FHS|^~\\&|A|F", None),
        (b"FHS|", None),
        (b"FHS|^~\\&|A|F|||||||N\xe9", "N\xe9"),
        ("FHS|^~\\&|A|F|||||||Né".encode(), "Né"),
    ],
)
def test_a_control_id_is_read_whole(line: bytes, control_id: str | None) -> None:
    assert read_header(line).control_id == control_id


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"BTS|3", (3, False)),
        (b"BTS|3|note|4", (3, False)),
        (b"BTS#3#", (3, False)),
        (b"BTS| 003 ", (3, False)),
        (b"BTS|+3", (3, False)),
        (b"BTS|3.0", (3, False)),
        (b'BTS|"3"', (3, False)),
        (b"BTS|3^4", (3, False)),
        (b"BTS|0", (0, False)),
        (b"BTS", (None, False)),
        (b"BTS|", (None, False)),
        (b"BTS||3", (None, False)),
        (b"BTS|three", (None, True)),
        (b"BTS|-3", (None, True)),
        (b"BTS|3.5", (None, True)),
        (b"BTS|9999999999999999", (None, True)),
        ("BTS|٣".encode(), (None, True)),
    ],
)
def test_counts_are_read_leniently(line: bytes, expected: tuple[int | None, bool]) -> None:
    assert read_count(line) == expected


@pytest.mark.parametrize(
    ("before", "now", "missing"),
    [
        ("17", "18", 0),
        ("17", "19", 1),
        ("N0017", "N0020", 2),
        ("N9", "N11", 1),
        ("17", "17", 0),
        ("18", "17", 0),
        ("N17", "M20", 0),
        ("1", "5000", 0),
        ("OAK-20260301", "OAK-20260304", 0),
        ("20260301120000", "20260301120500", 0),
        ("abc", "abd", 0),
        ("", "3", 0),
    ],
)
def test_numbers_that_a_counter_skips_are_counted(before: str, now: str, missing: int) -> None:
    assert count_skipped(before, now) == missing


def test_every_warning_says_what_it_means() -> None:
    assert all(code.islower() and text for code, text in WARNINGS.items())
