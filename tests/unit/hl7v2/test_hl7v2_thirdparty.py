"""Files of other people: every one passes, with counts that add up."""

import json
from datetime import date

import pytest

from hl7_inspection import inspect_file
from lakeward.core.paths import Home
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.inspect import STATUSES
from lakeward.hl7v2.raw.load import load
from lakeward.hl7v2.raw.table import RAW
from lakeward.lake.query import connect
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory


@pytest.fixture
def source(tmp_path):
    return load_inventory(Home(tmp_path)).source("adt_hl7")


def entry(root, path, received):
    name = path.relative_to(root).as_posix()
    return LedgerFile("adt_hl7", received, date(2024, 1, 1), name, "", path.stat().st_size, None)


def test_every_file_passes(lake, shared, source):
    root = shared / "hl7v2"
    paths = sorted(p for p in root.rglob("*") if p.is_file())
    files = [entry(root, path, number) for number, path in enumerate(paths, start=1)]
    found = dict(zip((f.file for f in files), load(lake, root, source, files), strict=True))
    for file, count in found.items():
        assert count.found == count.stored + count.duplicate + count.quarantined, file
        assert min(count.stored, count.duplicate, count.quarantined) >= 0, file
    for path in paths:
        inspected, name = inspect_file(path, source), path.relative_to(root).as_posix()
        counts = inspected["counts"]
        assert counts["found"] == found[name].found == len(inspected["messages"]), name
        assert counts["found"] == sum(counts[s] for s in STATUSES), name
    assert found["simhospital-small/small.stream.hl7"].found == 1771
    expected = json.loads((root / "derived-edge" / "MANIFEST.json").read_text())
    for case in expected:
        assert found[f"derived-edge/{case['file']}"].found == case["messages"], case["file"]
    flatten(lake)
    families = {case["file"]: case["family"] for case in expected if "family" in case}
    with connect(lake) as connection:
        rows = connection.execute("select file, family_name from hl7v2__pid").fetchall()
    parsed = {file.split("/")[-1]: family for file, family in rows}
    assert {file: parsed[file] for file in families} == families


@pytest.mark.parametrize(
    ("file", "stored", "duplicate", "quarantined", "reason"),
    [
        ("batch-ok.hl7", 5, 0, 0, None),
        ("batch-count-short.hl7", 0, 0, 5, "count_mismatch"),
        ("batch-one-bad.hl7", 4, 0, 1, "bad_separators"),
        ("dup-control-id-same.hl7", 1, 1, 0, None),
        ("mllp-3.hl7", 3, 0, 0, None),
    ],
)
def test_edge_cases(lake, shared, source, file, stored, duplicate, quarantined, reason):
    root = shared / "hl7v2"
    path = root / "derived-edge" / file
    (count,) = load(lake, root, source, [entry(root, path, 1)])
    assert (count.stored, count.duplicate, count.quarantined) == (stored, duplicate, quarantined)
    inspected = inspect_file(path, source)
    assert inspected["counts"] == {
        "found": count.found,
        "stored": stored,
        "duplicate": duplicate,
        "quarantined": quarantined,
    }
    assert {m["reason"] for m in inspected["messages"]} - {None} == ({reason} if reason else set())


def test_daily_batches_repeat_the_stream(lake, shared, source):
    root = shared / "hl7v2" / "simhospital-small"
    paths = [root / "small.stream.hl7", *sorted((root / "small-daily-batches").glob("*.hl7"))]
    files = [entry(root, path, number) for number, path in enumerate(paths, start=1)]
    stream, *daily = load(lake, root, source, files)
    assert (stream.stored, stream.duplicate) == (1771, 0)
    assert sum(count.duplicate for count in daily) == 1771
    with connect(lake) as connection:
        assert connection.execute(f"select count(*) from {RAW.name}").fetchall() == [(1771,)]
