"""Records of any bytes, put into replay files, are read back as exactly these records."""

import tempfile
from datetime import date
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.core.paths import replayed
from lakeward.fhir.format import FHIR
from lakeward.hl7v2.format import HL7V2
from lakeward.hl7v2.framing.batch import read_blocks, scan
from lakeward.lake.tables import Lake, Transaction, arrow_schema, write
from lakeward.landing.formats import Format
from lakeward.quarantine.compose import ReplayPlan, compose
from lakeward.quarantine.records import Selection, find
from lakeward.quarantine.table import QUARANTINE

MESSAGES = st.lists(
    st.sampled_from(
        [
            b"MSH|^~\\&|A|B\rPID|1",
            b"MSH|^~\\&|A|B\nPID|1\nOBX|BTS|5",
            b"MSH#*~\\&#A\rPID#\xff\xfe",
            b"PID|1||OTHER",
            b"\x0bBHS|lost",
            b"free text",
            b"",
        ]
    ),
    min_size=1,
    max_size=8,
)
LINES = st.lists(
    st.sampled_from([b'{"a": 1}', b"{", b'{\n "a": 1\n}', b"\xff", b"   ", b"x\ry", b""]),
    min_size=1,
    max_size=8,
)


def rejected(root: Path, source: str, contents: list[bytes]) -> Lake:
    """Put records into a quarantine, as a format would; every third line of a file."""
    lake = Lake(root / "lake")
    rows = [
        {
            "quarantine_id": f"{number:04}",
            "source": source,
            "received": 1 + number % 2,
            "day": date(2026, 1, 5),
            "file": f"{source}/2026-01-05/x",
            "place": f"record {number}",
            "position": 3 * number + 1,
            "byte_offset": 0,
            "byte_length": len(content),
            "reason": "any",
            "detail": "",
            "state": "open",
            "content": content,
        }
        for number, content in enumerate(contents)
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(QUARANTINE))
    write(lake, QUARANTINE, table, mode="append", transaction=Transaction(source, 2))
    return lake


def composed(
    format_: Format, contents: list[bytes], root: Path
) -> dict[str, list[tuple[int, str]]]:
    """Return position and hash of the records by file, as the trail would have them."""
    lake = rejected(root, "s", contents)
    plan = ReplayPlan(lake, root / "landing", {"s": format_.shape})
    files = compose(plan, root / "out", find(lake, Selection()), {("s", 1): 7})
    names = [replayed(file.file) for file in files]
    assert len(set(names)) == len(names)
    assert all(name and name[2] > (7 if name[1] == 1 else 0) for name in names)
    entries = [entry for file in files for entry in file.records]
    assert len(entries) == len(contents)
    assert {e.original_sha256 for e in entries} == {sha256(c).hexdigest() for c in contents}
    return {file.file: [(e.position, e.sha256) for e in file.records] for file in files}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(MESSAGES)
def test_messages_are_read_back_one_by_one(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for file, entries in composed(HL7V2, contents, root).items():
            layout = scan(root / "out" / file)
            if layout.problem or not layout.found:
                assert len(entries) == 1, "text without a header shares no file"
                continue
            read = [r for block in read_blocks(root / "out" / file, layout) for r in block.records]
            assert [(i, sha256(r).hexdigest()) for i, r in enumerate(read, 1)] == entries


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_lines_are_read_back_on_their_own_lines(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for file, entries in composed(FHIR, contents, root).items():
            path = root / "out" / file
            if len(entries) == 1 and entries[0][1] == sha256(path.read_bytes()).hexdigest():
                continue  # alone, byte for byte: it may be a document of several lines
            read = [
                (number, sha256(line).hexdigest())
                for number, line in enumerate(path.read_bytes().split(b"\n"), start=1)
                if line.strip()
            ]
            assert read == entries
            assert all(position % 3 == 1 for position, _ in entries)
