"""Checking records in columns equals checking one after the other."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.hl7v2.framing.batch import read_blocks, scan
from lakeward.hl7v2.framing.plain_records import find_plain_records
from lakeward.hl7v2.parsing.parse import Messages, parse
from lakeward.hl7v2.parsing.segments import packaged_specs
from lakeward.hl7v2.raw.messages import CheckedMessages, check_records
from lakeward.landing.sources import Source, Volume

HEAD = "MSH|^~\\&|APP|FAC|||20240101120000||{kind}|{control}|P|2.5||||||{charset}\r"
NAMES = {  # second bytes that look like separators: 0x5C, 0x7C, 0x5E, 0x7E
    "SHIFT_JIS": "ソー表ミ",
    "GB 18030-2000": "乗僜亅",
    "BIG-5": "許功蓋",
    "8859/1": "Müller",
    "UNICODE UTF-8": "Müller 表",
    "": "Zoë",
    "ASCII": "Doe",
    "CP1252": "Å",
    "ASCII~ISO IR87": "Doe",
}
CODECS = {"SHIFT_JIS": "shift_jis", "GB 18030-2000": "gb18030", "BIG-5": "big5hkscs",
          "8859/1": "latin-1", "CP1252": "cp1252"}  # fmt: skip


def source(**changes: object) -> Source:
    fields = {
        "name": "adt_hl7", "system": "ADT", "format": "hl7v2", "transport": "file",
        "owner": "team:adt", "purpose": "test", "time_zone": "America/New_York",
        "expected_volume": Volume(maximum=10), "end_of_support": date(2030, 1, 1),
    }  # fmt: skip
    return Source.model_validate(fields | changes)


def checked(
    tmp_path: Path, content: bytes, of: Source, *, one_by_one: bool
) -> list[CheckedMessages]:
    path = tmp_path / "a.hl7"
    path.write_bytes(content)
    layout = scan(path)
    return [
        check_records(block, layout, of, one_by_one=one_by_one)
        for block in read_blocks(path, layout)
    ]


def outcome(found: list[CheckedMessages]) -> list[tuple]:
    return [
        (
            each.reasons, each.kept.tolist(), each.hashes, each.bodies.to_pylist(), each.charsets,
            each.headers.to_pylist(), each.records, each.block.lengths().tolist(),
        )
        for each in found
    ]  # fmt: skip


ENDS = st.sampled_from([b"\r"] * 8 + [b"\n", b"\r\n", b"\r\r", b"\n\r", b"\r \r", b"\x1c\r\x0b"])
LINES = st.sampled_from(
    [
        *(b"PV1|1|I", b"PV1", b"NTE|1||a\\F\\b\tc", b"not a segment", b"ZZ1|x\\C2842\\y"),
        *(b"NTE|\x1b$B", b"PID2|x", b"pid|1"),
        *(b"NTE|1||\xc3\xa9", b"NTE|1||\xff\xfe", b"NTE|1||\x81\x7c"),
    ]
)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    charset, kind = (
        draw(st.sampled_from(sorted(NAMES))),
        draw(st.sampled_from(["ADT^A01"] * 6 + [""])),
    )
    head = HEAD.format(kind=kind, control=draw(st.integers(1, 9)), charset=charset)
    if draw(st.integers(0, 9)) == 0:
        head = head.replace(
            "|^~\\&|", draw(st.sampled_from(["#*%!@#", "|^~\\&#|", "|garbage|", "||"]))
        )
    head = head.replace("FAC", draw(st.sampled_from(["FAC"] * 5 + ["FÄC"])))
    text = f"{head}PID|1||7||{NAMES[charset]}^x"
    lines = text.encode(CODECS.get(charset, "utf-8"), "replace").split(b"\r")
    lines += draw(st.lists(LINES, max_size=3))
    return draw(ENDS).join(lines) + draw(ENDS)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(records(), max_size=8),
    st.sampled_from(
        [{}, {"charset": "8859/1"}, {"charset": "UNICODE UTF-8"}, {"accepted_senders": ["APP^FAC"]}]
    ),
)
def test_both_paths_are_equal(
    tmp_path: Path, generated: list[bytes], changes: dict[str, object]
) -> None:
    content = b"BHS|^~\\&\r" + b"".join(generated[:4]) + b"BTS\r" + b"".join(generated[4:])
    of = source(**changes)
    columns = checked(tmp_path, content, of, one_by_one=False)
    assert outcome(columns) == outcome(checked(tmp_path, content, of, one_by_one=True))


@pytest.mark.parametrize("charset", CODECS)
def test_trail_bytes_are_no_separators(tmp_path: Path, charset: str) -> None:
    text = (
        HEAD.format(kind="ADT^A01", control=1, charset=charset) + f"PID|1||7||{NAMES[charset]}^x\r"
    )
    (found,) = checked(tmp_path, text.encode(CODECS[charset]), source(), one_by_one=False)
    assert found.bodies.to_pylist() == [text]
    table = parse(Messages(found.bodies, ["utf-8"], "UTC"), packaged_specs())["hl7v2__pid"]
    assert table["family_name"].to_pylist() == [NAMES[charset]]


def test_plain_records_take_the_fast_path(tmp_path: Path) -> None:
    """Without this, every message could go one by one and only the clock would show it."""
    head = HEAD.format(kind="ADT^A01", control=1, charset="UNICODE UTF-8").encode()
    path = tmp_path / "a.hl7"
    path.write_bytes(head + "PID|1||7||Müller\r".encode() + head + b"PID|1||8||Doe\n\r")
    (block,) = read_blocks(path, scan(path))
    assert find_plain_records(block).is_plain.tolist() == [True, False]
