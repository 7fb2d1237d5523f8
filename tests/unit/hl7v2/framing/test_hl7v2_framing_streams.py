"""Opening files: gzip, UTF-16 and UTF-32, and positions in what is read."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.hl7v2.framing import streams
from lakeward.hl7v2.framing.batch import read_blocks, scan
from lakeward.hl7v2.framing.streams import WIDE, open_file, wide_encoding

TEXT = "MSH|^~\\&|A|F|||2026||ADT^A01|1|P|2.5\rPID|1||7||Łoś ഊ 𝄞\r" * 30


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_wide_files_are_read_as_utf8(
    tmp_path: Path, encoding: str, mark: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes(pack((mark + TEXT).encode(encoding)))
    assert wide_encoding(path) == encoding
    with open_file(path) as file:
        assert file.read().decode() == mark + TEXT
    layout = scan(path)
    assert (layout.found, layout.encoding) == (30, encoding)
    records = [record for block in read_blocks(path, layout) for record in block.records]
    assert {r.decode() for r in records} == {TEXT[: len(TEXT) // 30 - 1]}


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"MSH|^~\\&", b"MSH|\x00|", b"\x00\x00\x00\x00MSH|", b"a\x00b\x00c\x00"],
)
def test_other_files_are_not_wide(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes(content)
    assert wide_encoding(path) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=8), st.integers(0, 99))
def test_seeking_anywhere_reads_the_same_bytes(
    tmp_path: Path, positions: list[int], size: int
) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes(("\ufeff" + TEXT).encode("utf-16-le"))
    whole = ("\ufeff" + TEXT).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "PIECE", random.Random(size).randint(7, 300))
        with open_file(path) as file:
            for position in positions:
                file.seek(position)
                assert file.read(size) == whole[position : position + size]


def test_what_is_no_text_stays_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes("MSH|".encode("utf-16-le") + b"\x00\xd8" + "x".encode("utf-16-le") + b"y")
    with open_file(path) as file:
        text = file.read()
    assert text.startswith(b"MSH|")
    assert text.endswith(b"x\xff")
    with pytest.raises(UnicodeDecodeError):
        text[:-1].decode("utf-8")
