"""What the raw assets report when a file does not hold the count that was promised."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

import dagster as dg
import pytest

from lakeward.assets.raw import _adds_up, _keeps_promises
from lakeward.core.paths import Home
from lakeward.hl7v2.format import HL7V2
from lakeward.hl7v2.raw.load import _read
from lakeward.hl7v2.raw.table import RAW
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import LedgerFile, pending, register
from lakeward.landing.loading import Output, Reading, Rows, load_files, load_pending
from lakeward.landing.sources import load_inventory

DAY = date(2026, 3, 10)
MESSAGE = "MSH|^~\\&|A|F|||2026||ADT^A01|{0}|P|2.5\rPID|1||{0}||Secretname\r"


def check(lake, tmp_path, text: str) -> dg.AssetCheckResult:
    source, landing = load_inventory(Home(tmp_path)).source("adt_hl7"), tmp_path / "landing"
    (tmp_path / "a.hl7").write_bytes(text.encode())
    land(landing, "adt_hl7", [tmp_path / "a.hl7"], DAY)
    register(lake, landing, deliveries(landing, "adt_hl7", DAY))
    load_pending(lake, Home(tmp_path), source, HL7V2)
    return _keeps_promises(lake, HL7V2, ["adt_hl7"], dg.AssetKey("raw_hl7v2__message"))


@pytest.mark.parametrize(
    ("counts", "where"),
    [
        ((1, 1), []),
        ((2, 1), ["adt_hl7 #1: promised 3, found 2", "adt_hl7 #1 batch 1: promised 2, found 1"]),
        (
            (2, 0),  # the sum is right, both batches lie
            [
                "adt_hl7 #1 batch 1: promised 2, found 1",
                "adt_hl7 #1 batch 2: promised 0, found 1",
            ],
        ),
    ],
)
def test_broken_promises_are_listed_by_file_and_batch(lake, tmp_path, counts, where):
    text = "".join(f"BHS|^~\\&\r{MESSAGE.format(n)}BTS|{count}\r" for n, count in enumerate(counts))
    result = check(lake, tmp_path, text)
    assert result.passed is not bool(where)
    assert result.metadata["where"].value == where
    facts = HL7V2.facts(lake)
    assert (facts["batches"], facts["batches_broken"]) == (2, sum("batch" in w for w in where))
    assert "Secretname" not in repr((result, facts))


@pytest.mark.parametrize("lost", [False, True])
def test_a_record_that_is_lost_on_the_way_is_no_duplicate(lake, tmp_path, lost):
    source, landing = load_inventory(Home(tmp_path)).source("adt_hl7"), tmp_path / "landing"
    text = "".join(MESSAGE.format(n) for n in (1, 2, 2, 3))
    (tmp_path / "a.hl7").write_bytes(text.encode())
    land(landing, "adt_hl7", [tmp_path / "a.hl7"], DAY)
    register(lake, landing, deliveries(landing, "adt_hl7", DAY))

    @contextmanager
    def read(files: Sequence[LedgerFile]) -> Iterator[Reading]:
        with _read(lake, landing, source, files) as reading:
            outputs = [_without_last(output) if lost else output for output in reading.outputs]
            yield replace(reading, outputs=tuple(outputs))

    (counts,) = load_files(lake, RAW, pending(lake, "adt_hl7"), read)
    assert (counts.found, counts.stored, counts.duplicate) == (4, 2 if lost else 3, 1)
    assert _adds_up([counts], dg.AssetKey(RAW.name)).passed is not lost


def _without_last(output: Output) -> Output:
    """Lose the last row of raw between the file and the table."""

    def rows(of: Output, done: int) -> Rows:
        return Rows(batch.slice(0, len(batch) - 1) for batch in of.rows(done).batches)

    return replace(output, rows=partial(rows, output)) if output.spec is RAW else output
