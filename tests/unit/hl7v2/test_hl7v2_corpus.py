"""The hostile corpus: each file comes to what its manifest says, inspected and loaded.

`make golden` writes `expected/` again; read the difference before it is committed.
"""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from hl7_inspection import inspect_file
from lakeward.core.paths import Home
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.framing.batch import scan
from lakeward.hl7v2.inspect import open_inspection
from lakeward.hl7v2.raw.envelopes import ENVELOPES
from lakeward.hl7v2.raw.load import load
from lakeward.hl7v2.raw.table import RAW
from lakeward.lake.query import connect
from lakeward.lake.tables import table_names
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, load_inventory
from lakeward.quarantine.table import QUARANTINE

CORPUS = Path(__file__).resolve().parents[2] / "golden" / "hl7v2" / "hostile"
FILES = CORPUS / "files"
CASES = json.loads((CORPUS / "MANIFEST.json").read_text("utf-8"))
LISTS = ("accepted_processing_ids", "accepted_senders", "accepted_receivers")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Source:
    return load_inventory(Home(tmp_path_factory.mktemp("home"))).source("adt_hl7")


def rules(case: dict, plain: Source) -> Source:
    changes = {k: (v,) if k in LISTS else v for k, v in case["rules"].items()}
    return plain.model_copy(update=changes)


def repeats(lake, source: Source | None = None) -> int:
    """Count the messages that are remembered as repeats."""
    if "hl7v2_repeat" not in table_names(lake):
        return 0
    with connect(lake, tables=["hl7v2_repeat"]) as connection:
        of = f" where source = '{source.name}'" if source else ""
        return connection.execute(f"select count(*) from hl7v2_repeat{of}").fetchall()[0][0]


def test_the_manifest_names_every_file():
    assert sorted(case["file"] for case in CASES) == sorted(p.name for p in FILES.iterdir())
    assert all((FILES / case["file"]).stat().st_size == case["bytes"] for case in CASES)
    assert len(CASES) == len({case["shows"] for case in CASES}) > 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_inspected(plain, case, golden):
    found = inspect_file(FILES / case["file"], rules(case, plain))
    counts = {k: case[k] for k in ("found", "stored", "duplicate", "quarantined")}
    assert found["counts"] == counts
    assert Counter(m["reason"] for m in found["messages"] if m["reason"]) == case["reasons"]
    expected = CORPUS / "expected" / f"{case['file']}.json"
    golden(expected, json.dumps(found, indent=1) + "\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_envelopes_carry_their_warnings(plain, case):
    found = open_inspection(FILES / case["file"], rules(case, plain))
    assert Counter(w for e in found.envelopes for w in e.warnings) == case["warnings"]


def test_loaded(lake, plain):
    """Each file is loaded as a source of its own; all tables agree with the manifest."""
    for number, case in enumerate(CASES):
        path = FILES / case["file"]
        source = rules(case, plain).model_copy(update={"name": f"c{number}"})
        day = date(2026, 3, 10)
        file = LedgerFile(source.name, 1, day, case["file"], "", path.stat().st_size, None)
        (count,) = load(lake, FILES, source, [file])
        repeated = repeats(lake, source)
        assert repeated in (0, case["repeats"]), case["file"]
        assert count.found == case["found"], case["file"]
        assert count.stored == case["stored"] - repeated, case["file"]
        assert count.quarantined == case["quarantined"], case["file"]
        assert count.promised == scan(path).promised
    flatten(lake)
    by_source = {f"c{number}": case for number, case in enumerate(CASES)}
    with connect(lake) as connection:
        flags = connection.execute(
            f"select source, charset_flag, count(*) from {RAW.name}"
            " where charset_flag is not null group by all"
        ).fetchall()
        reasons = connection.execute(
            f"select source, reason, count(*) from {QUARANTINE.name} group by all"
        ).fetchall()
        warnings = connection.execute(
            f"select source, code, count(*) from {ENVELOPES.name}, unnest(warnings) as w(code)"
            " group by all"
        ).fetchall()
        people = connection.execute("select source, family_name from hl7v2__pid").fetchall()
        heads = connection.execute("select count(*) from hl7v2__msh").fetchall()
    for key, rows in (("charset_flags", flags), ("reasons", reasons), ("warnings", warnings)):
        found = {(source, code): count for source, code, count in rows}
        wanted = {(s, code): n for s, case in by_source.items() for code, n in case[key].items()}
        assert found == wanted, key
    for source, case in by_source.items():
        names = [family for of, family in people if of == source]
        assert case["family"] is None or case["family"] in names, case["file"]
    kept = sum(case["stored"] for case in CASES)
    assert heads == [(kept - repeats(lake),)]
