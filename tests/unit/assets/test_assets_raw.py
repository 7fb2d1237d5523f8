"""What the raw assets report when a file does not hold the count that was promised."""

from datetime import date

import dagster as dg
import pytest

from lakeward.assets.raw import _keeps_promises
from lakeward.core.paths import Home
from lakeward.hl7v2.format import HL7V2
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
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
