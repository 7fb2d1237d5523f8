"""Splitting files: records, envelopes and their counts, and that no byte is ever lost."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.core import unpacked_size
from lakeward.hl7v2.framing import batch, line_marks
from lakeward.hl7v2.framing.batch import read_blocks, scan
from lakeward.hl7v2.framing.envelope import Envelope

MSH = b"MSH|^~\\&|APP|FAC|||20240101||ADT^A01|%d|P|2.5"
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def message(number: int, *segments: bytes, end: bytes = b"\r") -> bytes:
    return end.join((MSH % number, *segments)) + end


def records(path: Path) -> list[bytes]:
    layout = scan(path)
    return [record for block in read_blocks(path, layout) for record in block.records]


def batches(path: Path) -> list[tuple[int, int | None, int]]:
    return [(b.number, b.promised, b.found) for b in scan(path).batches]


def keep_their_promise(envelopes: tuple[Envelope, ...]) -> list[bool]:
    return [each.keeps_promise for each in envelopes]


def write_file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.hl7"
    path.write_bytes(content)
    return path


def test_envelopes_are_counted(tmp_path: Path) -> None:
    one, two, three = (message(n, b"PID|1") for n in (1, 2, 3))
    content = b"FHS|^~\\&\rBHS|^~\\&\r%sBTS|1\rBHS|^~\\&\r%sBTS|3\rFTS|2\r" % (one, two + three)
    layout = scan(write_file(tmp_path, content))
    assert layout.batches == (Envelope("batch", 1, 1, 1), Envelope("batch", 2, 3, 2))
    assert layout.files == (Envelope("file", 1, 2, 2),)
    assert layout.batch.tolist() == [1, 2, 2]
    assert [b.file for b in layout.batches] == [1, 1]
    assert keep_their_promise(layout.batches) == [True, False]
    assert keep_their_promise(layout.files) == [True]
    assert (layout.promised, layout.files_promised) == (4, 2)


@pytest.mark.parametrize(
    ("template", "is_broken"),
    [
        (b"%s%s", False),
        (b"BHS|^~\\&\r%s%sBTS|2\r", False),
        (b"BHS|^~\\&\r%s%s", False),
        (b"%s%sBTS|2\r", False),
        (b"%s%sBTS|3\r", True),
        (b"FHS|^~\\&\r%s%sFTS|1\r", False),
        (b"FHS|^~\\&\r%s%sFTS|2\r", True),
        (b"FHS|^~\\&\rBHS|^~\\&\r%s%sBTS\rFTS\r", False),
        (b"FHS|^~\\&\rBHS|^~\\&\r%s%sBTS|two\rFTS|one\r", False),
        (b"BHS|^~\\&\rBHS|^~\\&\r%s%sBTS|2\rFTS|1\r", False),
    ],
)
def test_wrappers_are_optional(tmp_path: Path, template: bytes, is_broken: bool) -> None:
    layout = scan(write_file(tmp_path, template % (message(1), message(2))))
    assert layout.found == 2
    assert all(keep_their_promise(layout.batches + layout.files)) is not is_broken


def test_zero_messages_are_no_problem(tmp_path: Path) -> None:
    assert scan(write_file(tmp_path, b"")).found == 0
    assert scan(write_file(tmp_path, b"\r\n \r\n")).found == 0
    layout = scan(write_file(tmp_path, b"FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r"))
    assert (layout.found, layout.batches[0], layout.problem) == (
        0,
        Envelope("batch", 1, 0, 0),
        None,
    )


def test_text_outside_messages_is_a_record(tmp_path: Path) -> None:
    path = write_file(tmp_path, b"a log line\rBHS|^~\\&\rPID|1\rPV1|1\rBTS|1\r" + message(1))
    assert records(path) == [b"a log line", b"PID|1\rPV1|1", MSH % 1]
    assert batches(path) == [(1, 1, 1)]


def test_other_files_are_one_record(tmp_path: Path) -> None:
    layout = scan(write_file(tmp_path, b'{"a": 1}\n{"b": 2}\n'))
    assert (layout.found, layout.problem) == (1, "not_hl7v2")


def test_gzip_is_known_by_its_content_and_may_be_cut_off(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(message(n, b"ZZZ|" + b"x" * n) for n in range(50)))
    assert len(records(write_file(tmp_path, whole))) == 50
    path = write_file(tmp_path, whole[:-20])
    assert scan(path).problem == "truncated_gzip"
    assert records(path) == [whole[:-20].rstrip(b"\r\n\x0b\x1c\x00\x1a")]


def test_gzip_that_unfolds_too_far_is_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked_size, "FREE", 100_000)
    packed = gzip.compress(message(1) * 200_000)
    path = write_file(tmp_path, packed)
    assert scan(path).problem == "gzip_unfolds_too_far"
    assert records(path) == [packed.rstrip(b"\r\n\x0b\x1c\x00\x1a")]
    assert len(records(write_file(tmp_path, gzip.compress(message(1) * 2_000)))) == 2_000


@SETTINGS
@given(
    bodies=st.lists(
        st.lists(st.sampled_from([b"PID|1||7", b"NTE|1||a\tb", b"ZPI|" + b"x" * 90]), max_size=4),
        max_size=6,
    ),
    ends=st.lists(st.sampled_from([b"\r", b"\n", b"\r\n"]), min_size=6, max_size=6),
    gaps=st.lists(
        st.sampled_from([b"", b"\n", b"\r\n\r\n", b"\x1c\r\x0b", b"\xef\xbb\xbf", b" \r", b"\x1a"]),
        min_size=7,
        max_size=7,
    ),
    piece=st.sampled_from([70, 97, 128, 1 << 20]),
)
def test_framing_does_not_matter(
    tmp_path: Path, bodies: list[list[bytes]], ends: list[bytes], gaps: list[bytes], piece: int
) -> None:
    """However messages are framed and terminated, each comes back with its bytes."""
    parts = [gaps[6].strip(b" ")]
    for number, (body, end, gap) in enumerate(zip(bodies, ends, gaps, strict=False)):
        parts += [message(number, *body, end=end), gap]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "PIECE", piece)
        patch.setattr(line_marks, "PIECE", piece)
        patch.setattr(line_marks, "LOOKAHEAD", 64)
        found = records(write_file(tmp_path, b"".join(parts)))
    expected = [message(n, *body, end=ends[n]).strip() for n, body in enumerate(bodies)]
    assert [f.rstrip(b" \r\n") for f in found if f.strip()] == expected


@SETTINGS
@given(
    st.lists(
        st.sampled_from(
            [b"MSH|^~\\&|A", b"BHS|^~\\&", b"BTS|1", b"FHS|^~\\&", b"FTS|1", b"PID|1", b"junk",
             b" ", b"\r", b"\n", b"\x0b", b"\x1c", b"\xef\xbb\xbf", b"\x00", b"\xff", b"MSH"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_no_byte_is_lost(tmp_path: Path, parts: list[bytes]) -> None:
    """Every byte that is neither blank nor part of an envelope line is in a record."""
    path = write_file(tmp_path, b"".join(parts))
    layout = scan(path)
    covered = bytearray(path.read_bytes())
    for start, end in zip(layout.starts.tolist(), layout.ends.tolist(), strict=True):
        covered[start:end] = b"\r" * (end - start)
    rest = bytes(covered).replace(b"\xef\xbb\xbf", b"").replace(b"\x1c", b"\r")
    left = rest.replace(b"\x0b", b"\r").replace(b"\n", b"\r").split(b"\r")
    left = [line.strip(b" \x00") for line in left]
    assert all(line[:3] in (b"FHS", b"BHS", b"BTS", b"FTS") for line in left if line)
    assert len(records(path)) == layout.found
