"""What is a duplicate, against the rule in plain Python, over loads in any order."""

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.fhir.raw.load import RAW, load
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, load_inventory

TOLD = st.tuples(
    st.sampled_from(["p1", "p2"]), st.sampled_from([None, "1", "2"]), st.sampled_from("xy")
)
LOADS = st.lists(st.lists(TOLD, min_size=1, max_size=5), min_size=1, max_size=4)
_NUMBER = itertools.count()


def line(told: tuple[str, str | None, str]) -> str:
    name, version, text = told
    meta = {"meta": {"versionId": version}} if version else {}
    return json.dumps({"resourceType": "Patient", "id": name, "language": text, **meta})


def plainly(loads: list[list[tuple[str, str | None, str]]]) -> list[str]:
    """Give the lines that say something new, in order."""
    stored: list[tuple[str, str]] = []
    last: dict[str, str] = {}  # of those without a version
    for told in loads:
        before = list(stored)
        seen: set[str] = set()
        for one in told:
            name, version, _ = one
            text = line(one)
            known = text in seen or text in {t for _, t in before}
            if version is None:
                # a delivery that tells an id with several contents tells the whole of them anew
                several = len({line(t) for t in told if t[0] == name and t[1] is None}) > 1
                known = last.get(name) == text or (several and text in {t for _, t in before})
            if not known:
                stored.append((name, text))
            seen.add(text)
            if version is None:
                last[name] = text
    return [text for _, text in stored]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(LOADS)
def test_what_is_stored_is_what_is_new(tmp_path: Path, loads: list[Any]) -> None:
    root = tmp_path / str(next(_NUMBER))
    root.mkdir()
    lake = Lake(root / "lake")
    source = clinic(tmp_path)
    for number, told in enumerate(loads, start=1):
        (root / str(number)).write_text("\n".join(map(line, told)))
        file = LedgerFile(source.name, number, date(2026, 1, 5), str(number), "", 0)
        (count,) = load(lake, root, source, [file])
        assert (count.found, count.quarantined) == (len(told), 0)
    with connect(lake) as connection:
        query = f"select resource from {RAW.name} order by received, line"
        found = [text for (text,) in connection.execute(query).fetchall()]
    assert found == plainly(loads)


def clinic(root: Path) -> Source:
    from lakeward.core.settings import load_settings

    return load_inventory(load_settings(root / "home").home).source("ehr_fhir")
