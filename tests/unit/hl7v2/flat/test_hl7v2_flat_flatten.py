"""Flat tables of HL7 v2: what a table without rows costs, and lakes of older versions."""

import json
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.paths import Home
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.raw.load import load
from lakeward.lake.commits import CONTENT_KEY
from lakeward.lake.query import connect
from lakeward.lake.table_progress import read_progress
from lakeward.lake.tables import Lake, content_of, newest_version, table_names
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory

DAY = date(2024, 1, 1)


def deliver(lake: Lake, landing: Path, received: int, messages: int = 2) -> None:
    """Load a file of messages that have the segments MSH and PID."""
    file = f"{received}.hl7"
    landing.mkdir(exist_ok=True)
    text = "".join(
        f"MSH|^~\\&|APP|FAC|||20240101120000||ADT^A08|{received}-{n}|P|2.5\r"
        f"PID|1||{received}{n}^^^LKWD^MR||Doe\r"
        for n in range(messages)
    )
    (landing / file).write_text(text, newline="")
    source = load_inventory(Home(landing.parent)).source("adt_hl7")
    load(lake, landing, source, [LedgerFile("adt_hl7", received, DAY, file, "", 1, None)])


def versions(lake: Lake) -> dict[str, int | None]:
    return {name: newest_version(lake, name) for name in table_names(lake)}


def changed(lake: Lake, before: dict[str, int | None]) -> set[str]:
    return {name for name, version in versions(lake).items() if version != before.get(name)}


def remember(lake: Lake, table: str, content: dict[str, object]) -> None:
    """Let the newest commit of a table say something else, as another version wrote it."""
    log = lake.path(table) / "_delta_log" / f"{newest_version(lake, table):020}.json"
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"][CONTENT_KEY] = json.dumps(content, sort_keys=True)
    log.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")


def test_only_tables_with_rows_get_a_commit(lake: Lake, tmp_path: Path) -> None:
    flatten(lake)
    deliver(lake, tmp_path / "landing", 1)
    before = versions(lake)
    with_rows = {write.table for write in flatten(lake)}
    assert {"hl7v2__msh", "hl7v2__pid"} <= with_rows
    assert "hl7v2__pv1" not in with_rows
    assert changed(lake, before) == with_rows


def test_a_lake_of_an_older_version_is_read_on_and_not_rebuilt(lake: Lake, tmp_path: Path) -> None:
    """Until 2026-11 a position was that of the last message, and the names were others."""
    deliver(lake, tmp_path / "landing", 1)
    flatten(lake)
    tables = sorted(name for name in table_names(lake) if name.startswith("hl7v2__"))
    for name in tables:
        progress = read_progress(content_of(lake, name))
        assert progress is not None
        through = {"adt_hl7": 1 << 32 | 2} if progress.through else {}
        old = {"spec": progress.digest, "through": through, "deriving": False}
        remember(lake, name, {**old, "tables": tables} if name == "hl7v2__msh" else old)
    before = versions(lake)
    assert flatten(lake) == []
    assert changed(lake, before) == {"hl7v2__msh"}  # says once that it is at the end of the file
    before = versions(lake)
    assert flatten(lake) == []
    assert changed(lake, before) == set()
    deliver(lake, tmp_path / "landing", 2, messages=1)
    assert {w.rows for w in flatten(lake) if w.table in ("hl7v2__msh", "hl7v2__pid")} == {1}
    with connect(lake, tables=["hl7v2__pid"]) as connection:
        found = connection.execute("select received, message from hl7v2__pid order by all")
        assert found.fetchall() == [(1, 1), (1, 2), (2, 1)]


def test_a_wrong_spec_is_reported_or_raised(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    folder.mkdir()
    (folder / "ZPI.yaml").write_text("segment: ZPI: broken")
    reported: list[str] = []
    flatten(lake, folder, lambda table, _error: reported.append(table))
    assert reported == ["hl7v2__zpi"]
    with pytest.raises(SpecError, match=r"ZPI\.yaml"):
        flatten(lake, folder)
