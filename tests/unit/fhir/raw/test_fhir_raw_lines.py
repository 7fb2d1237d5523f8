"""Splitting bytes into records, against the plainest way to do it."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.fhir.raw import lines
from lakeward.fhir.raw.lines import FilePart, blocks

FIXTURES_ARE_KEPT = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXTS = st.lists(
    st.sampled_from(
        [b"a", b"{", b"\r", b"\n", b"\r\n", b" ", b"\t", b"\xff", b"x" * 20, b"\xc3\xa9"]
    ),
    max_size=30,
).map(b"".join)


def split_plainly(content: bytes) -> list[tuple[int, int, bytes]]:
    found, offset = [], 0
    if content.startswith(lines.BOM):
        content, offset = content[3:], 3
    for number, line in enumerate(content.split(b"\n"), start=1):
        text = line.removesuffix(b"\r")
        if text and not text.isspace():
            found.append((number, offset, text))
        offset += len(line) + 1
    return found


@FIXTURES_ARE_KEPT
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from([3, 7, 1 << 20]), st.booleans())
def test_lines_are_those_of_a_plain_split(
    tmp_path: Path, contents: list[bytes], read: int, bom: bool
) -> None:
    head = lines.BOM if bom and read > 3 else b""
    parts = []
    for number, content in enumerate(contents):
        path = tmp_path / str(number)
        path.write_bytes(head + content)
        parts.append(FilePart(number, path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "READ", read)
        found = list(blocks(parts))
    tables = [block.to_table() for block in found]
    expected = [
        (n, *one) for n, content in enumerate(contents) for one in split_plainly(head + content)
    ]
    rows = [row for table in tables for row in table.to_pylist()]
    assert [(r["received"], r["line"], r["byte_offset"]) for r in rows] == [w[:3] for w in expected]
    assert [r["content_sha256"] for r in rows] == [
        hashlib.sha256(w[3]).hexdigest() for w in expected
    ]
    raw = [one for block in found for one in block.contents(pa.binary_view()).to_pylist()]
    assert raw == [w[3] for w in expected]
    assert [one for block in found for one in map(block.record, range(len(block)))] == raw
    for row, text in zip(rows, raw, strict=True):
        assert row["starts_with_brace"] == text.startswith(b"{")
        assert (row["flaw"], row["content"]) == (
            (None, text.decode()) if b"\xff" not in text else ("invalid_utf8", None)
        )


def test_memory_is_bounded_by_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\n".join(b'{"n":%d}' % n for n in range(20_000)))
    monkeypatch.setattr(lines, "READ", 4096)
    sizes = [
        sum(len(piece.data) for piece in block.pieces) for block in blocks([FilePart(1, path)])
    ]
    assert len(sizes) > 30
    assert max(sizes) < 3 * 4096


@pytest.mark.parametrize("read", [10, 64, 1000])
def test_a_record_that_is_too_long_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    path = tmp_path / "a"
    content = b"first\n" + b"x" * 150 + b"\n\nlast\n" + b"y" * 101
    path.write_bytes(content)
    monkeypatch.setattr(lines, "READ", read)
    monkeypatch.setattr(lines, "RECORD_LIMIT", 100)
    monkeypatch.setattr(lines, "HEAD", 20)
    rows = [row for block in blocks([FilePart(1, path)]) for row in block.to_table().to_pylist()]
    found = [(r["line"], r["byte_offset"], r["content"], r["flaw"]) for r in rows]
    if read == 1000:  # read whole, so there is nothing to spare
        rows = [(n, o, c) for n, o, c, _ in found]
        assert rows[0] == (1, 0, "first")
    else:
        assert found == [
            (1, 0, "first", None),
            (2, 6, "x" * 20, "record_too_long"),
            (4, 158, "last", None),
            (5, 163, "y" * 20, "record_too_long"),
        ]
