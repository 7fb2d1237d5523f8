"""What is a duplicate, against the rule in plain Python, over loads in any order."""

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.core.settings import load_settings
from lakeward.fhir.raw.load import RAW, load
from lakeward.fhir.raw.repeats import REPEAT
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, load_inventory

Statement = tuple[str, str | None, str]
"""Id, versionId and content of one line."""

STATEMENTS = st.tuples(
    st.sampled_from(["p1", "p2"]), st.sampled_from([None, "1", "2"]), st.sampled_from("xy")
)
LOADS = st.lists(st.lists(STATEMENTS, min_size=1, max_size=5), min_size=1, max_size=4)
_NUMBER = itertools.count()


def line(statement: Statement) -> str:
    name, version, text = statement
    meta = {"meta": {"versionId": version}} if version else {}
    return json.dumps({"resourceType": "Patient", "id": name, "language": text, **meta})


def stored_by_the_rule(loads: Sequence[Sequence[Statement]]) -> list[str]:
    """Return the lines that are no duplicates, in order."""
    stored: list[tuple[str, str]] = []
    last: dict[str, str] = {}  # of those without a version
    for statements in loads:
        before = list(stored)
        in_this_load: set[str] = set()
        for statement in statements:
            name, version, _ = statement
            text = line(statement)
            seen = text in in_this_load or text in {t for _, t in before}
            if version is None:
                # a delivery that states an id with several contents repeats all of them each time
                contents = {line(s) for s in statements if s[0] == name and s[1] is None}
                several = len(contents) > 1
                seen = last.get(name) == text or (several and text in {t for _, t in before})
            if not seen:
                stored.append((name, text))
            in_this_load.add(text)
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
    for number, statements in enumerate(loads, start=1):
        (root / str(number)).write_text("\n".join(map(line, statements)))
        file = LedgerFile(source.name, number, date(2026, 1, 5), str(number), "", 0)
        (count,) = load(lake, root, source, [file])
        assert (count.found, count.quarantined) == (len(statements), 0)
    with connect(lake) as connection:
        query = f"select resource from {RAW.name} order by received, line"
        found = [text for (text,) in connection.execute(query).fetchall()]
    assert found == stored_by_the_rule(loads)


@pytest.mark.parametrize(
    ("has_version", "stored", "repeats"),
    [
        (True, [1, 2], [(1, 1, 4, 1, 4), (2, 1, 3, 1, 3)]),
        (False, [1, 2, 4], [(2, 1, 3, 1, 3)]),
    ],
)
def test_the_example_of_the_module_is_true(
    tmp_path: Path,
    has_version: bool,
    stored: list[int],
    repeats: list[tuple[int, int, int, int, int]],
) -> None:
    lake, source = Lake(tmp_path / "lake"), clinic(tmp_path)
    for number, content in enumerate("ABBA", start=1):
        # the versionId follows the content: one version, delivered twice, is one content
        version = {"A": "1", "B": "2"}[content] if has_version else None
        (tmp_path / str(number)).write_text(line(("p1", version, content)))
        time = datetime(2026, 1, number, tzinfo=UTC)
        file = LedgerFile(
            source.name, number, date(2026, 1, 5), str(number), "", 0, transaction_time=time
        )
        load(lake, tmp_path, source, [file])
    with connect(lake) as connection:
        raw = f"select received from {RAW.name} order by 1"
        assert [received for (received,) in connection.execute(raw).fetchall()] == stored
        columns = "received, line, repeat_received, repeat_line, day(transaction_time)"
        found = connection.execute(f"select {columns} from {REPEAT.name} order by 1").fetchall()
    assert found == repeats


def clinic(root: Path) -> Source:
    return load_inventory(load_settings(root / "home").home).source("ehr_fhir")
