"""The table of envelopes: each once, compared across files, whatever happens between."""

from datetime import date
from pathlib import Path

import pytest

from killed_load import Killed, kill_before
from lakeward.core.paths import Home
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.flat.sequence_gaps import count_sequence_gaps
from lakeward.hl7v2.raw.envelopes import ENVELOPES, broken_promises, count_envelopes
from lakeward.hl7v2.raw.load import load
from lakeward.lake.query import connect
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory

MSH = "MSH|^~\\&|A|F|||2026||ADT^A01|{0}|P|2.5|{1}\rPID|1||{0}\r"


@pytest.fixture
def source(tmp_path):
    return load_inventory(Home(tmp_path)).source("adt_hl7")


def put(folder: Path, received: int, text: str) -> LedgerFile:
    path = folder / f"{received}.hl7"
    path.write_bytes(text.encode())
    day = date(2026, 3, received)
    return LedgerFile("adt_hl7", received, day, path.name, "", path.stat().st_size, None)


def batch(control: str, *numbers: int, count: int | None = None, sequence: str = "") -> str:
    body = "".join(MSH.format(n, sequence and int(sequence) + n) for n in numbers)
    promised = len(numbers) if count is None else count
    return f"BHS|^~\\&|A|F|R|S|2026||n||{control}|Q\r{body}BTS|{promised}\r"


def rows(lake, columns: str) -> list[tuple]:
    with connect(lake) as connection:
        sql = f"select {columns} from {ENVELOPES.name} order by received, kind, number"
        return connection.execute(sql).fetchall()


def test_an_envelope_is_kept_with_all_it_says(lake, tmp_path, source):
    load(lake, tmp_path, source, [put(tmp_path, 1, batch("B1", 1, 2))])
    columns = (
        "received, file, kind, number, in_file, sending_application, sending_facility,"
        " receiving_application, receiving_facility, created_text, name, control_id,"
        " reference_control_id, promised, found, missing, length(content_sha256), state, warnings"
    )
    assert rows(lake, columns) == [
        (1, "1.hl7", "batch", 1, None, "A", "F", "R", "S", "2026", "n", "B1", "Q", 2, 2, 0, 64,
         "accepted", []),
    ]  # fmt: skip


def test_files_are_compared_across_loads(lake, tmp_path, source):
    first, again = put(tmp_path, 1, batch("B1", 1, 2)), put(tmp_path, 2, batch("B1", 1, 2) + "\r")
    other = put(tmp_path, 3, batch("B1", 3))
    counts = [
        count for file in (first, again, other) for count in load(lake, tmp_path, source, [file])
    ]
    assert [(c.stored, c.duplicate, c.quarantined) for c in counts] == [
        (2, 0, 0),
        (0, 2, 0),
        (0, 0, 1),
    ]
    assert rows(lake, "state") == [("accepted",), ("duplicate",), ("quarantined",)]


def test_counters_are_compared_across_loads(lake, tmp_path, source):
    for number, control in ((1, "N5"), (2, "N8"), (3, "N6"), (4, "N9")):
        text = f"FHS|^~\\&|A|F|||||||{control}\r{batch('', number)}FTS|1\r"
        load(lake, tmp_path, source, [put(tmp_path, number, text)])
    assert rows(lake, "missing, kind") == [
        (0, "batch"), (0, "file"), (0, "batch"), (2, "file"), (0, "batch"), (0, "file"),
        (0, "batch"), (0, "file"),
    ]  # fmt: skip
    assert count_envelopes(lake)["files_missing_in_sequence"] == 2


def test_a_load_after_a_crash_comes_to_the_same_outcome(lake, tmp_path, source, monkeypatch):
    files = [
        put(tmp_path, 1, batch("B1", 1)),
        put(tmp_path, 2, batch("B1", 1)),
        put(tmp_path, 3, batch("B1", 2) + batch("B2", 3, count=9)),
    ]
    with monkeypatch.context() as patch:
        kill_before(patch, ENVELOPES.name)
        with pytest.raises(Killed):
            load(lake, tmp_path, source, files[:2])
    once = load(lake, tmp_path, source, files)
    expected = [
        (1, "accepted", []),
        (2, "duplicate", []),
        (3, "quarantined", ["control_id_reuse"]),
        (3, "quarantined", ["count_mismatch"]),
    ]
    assert rows(lake, "received, state, warnings") == expected
    assert load(lake, tmp_path, source, files) == once
    assert rows(lake, "received, state, warnings") == expected


def test_envelopes_are_counted_and_broken_promises_listed(lake, tmp_path, source):
    assert count_envelopes(lake)["batches"] == 0
    load(lake, tmp_path, source, [
        put(tmp_path, 1, f"FHS|^~\\&|A|F\r{batch('B1', 1, 2)}{batch('B2', 3, count=4)}FTS|3\r"),
        put(tmp_path, 2, batch("B3") + MSH.format(7, "")),
    ])  # fmt: skip
    found = count_envelopes(lake)
    assert {k: v for k, v in found.items() if v} == {
        "batches": 3, "batch_files": 1, "messages_promised": 6, "messages_found_where_promised": 3,
        "batches_broken": 2, "batches_empty": 1, "batches_quarantined": 3,
    }  # fmt: skip
    assert broken_promises(lake) == [
        "adt_hl7 #1 batch 2: promised 4, found 1",
        "adt_hl7 #1 file 1: promised 3, found 2",
    ]


def test_files_without_envelope_have_no_row(lake, tmp_path, source):
    load(lake, tmp_path, source, [put(tmp_path, 1, MSH.format(1, ""))])
    assert rows(lake, "*") == []


def test_gaps_in_msh_13_are_counted(lake, tmp_path, source):
    assert count_sequence_gaps(lake) == {}
    load(lake, tmp_path, source, [put(tmp_path, 1, batch("", 1, 2, 5, sequence="10"))])
    load(lake, tmp_path, source, [put(tmp_path, 2, batch("", 6, 9, 3, sequence="10"))])
    flatten(lake)
    assert count_sequence_gaps(lake) == {
        "messages_numbered": 6, "sequence_gaps": 2, "messages_missing_in_sequence": 4,
    }  # fmt: skip


def test_numbers_at_both_ends_of_the_range_are_no_gap(lake, tmp_path, source):
    numbers = [2**63 - 1, -(2**63), 10**30]
    text = "".join(MSH.format(at, number) for at, number in enumerate(numbers))
    load(lake, tmp_path, source, [put(tmp_path, 1, text)])
    flatten(lake)
    found = count_sequence_gaps(lake)
    assert (found["messages_numbered"], found["sequence_gaps"]) == (3, 0), found
