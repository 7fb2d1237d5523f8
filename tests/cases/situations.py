"""Situations of real feeds, as their YAML files describe them, and the nights that they need."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, open_table
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import run_day

FOLDER = Path(__file__).parent
DAY = "2026-01-06"
"""Of files for which a case names no day."""


@dataclass(frozen=True)
class Situation:
    """One case: see README.md for its fields.

    Attributes:
        inputs: Folder of its input.
        files: Day, source and path in `inputs` of each file.
        want: The rows that `check` or `shell` has to return.
    """

    id: str
    kind: str
    group: str
    inputs: Path
    files: tuple[tuple[date, str, str], ...]
    want: list[list[str]]
    check: str = ""
    shell: str = ""


def situations(name: str) -> list[Situation]:
    """Read the situations of one file."""
    entries = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return [
        Situation(
            id=entry["id"],
            kind=entry["kind"],
            group=entry["group"],
            inputs=FOLDER / name,
            files=tuple(_files(entry["files"])),
            want=rows("\n".join(entry["want"])),
            check=entry.get("check", ""),
            shell=entry.get("shell", ""),
        )
        for entry in entries
    ]


def run_nights(settings: Settings, members: list[Situation]) -> list[str]:
    """Land the files of a group and run its nights, day by day; return what broke."""
    deliveries: dict[date, dict[str, list[Path]]] = {}
    for member in members:
        for day, source, path in member.files:
            deliveries.setdefault(day, {}).setdefault(source, []).append(member.inputs / path)
    broken = []
    for day, sources in sorted(deliveries.items()):
        for source, paths in sources.items():
            land(settings.home.landing, source, paths, day)
        night = run_day(settings, day)
        broken += [*night.broken, *(f"{f.step}: {f.cause}" for f in night.failures)]
    return broken + _unexplained(Lake(settings.home.lake))


def _unexplained(lake: Lake) -> list[str]:
    """List the stored records whose effect nobody can name, nor why they have none."""
    if open_table(lake, "canonical__record_outcome") is None:
        return []
    with connect(lake, tables=["canonical__record_outcome"]) as connection:
        found = connection.execute(
            "select source_ref from canonical__record_outcome where outcome = 'unexplained'"
        ).fetchall()
    return [f"{place}: unexplained" for (place,) in found]


def rows(text: str) -> list[list[str]]:
    """Read rows of CSV, blank lines left out."""
    return [row for row in csv.reader(text.splitlines()) if row]


def _files(entry: dict[str, Any]) -> Iterator[tuple[date, str, str]]:
    for key, value in entry.items():
        by_source = value if isinstance(value, dict) else {key: value}
        day = date.fromisoformat(key if isinstance(value, dict) else DAY)
        for source, names in by_source.items():
            for name in names:
                yield day, source, name
