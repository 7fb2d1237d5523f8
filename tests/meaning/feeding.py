"""Feeds scenarios into a home, runs its nights and compares what the store holds."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

from scenario import FIRST, Root, Row, Scenario, Variant, pack, vary

from lakeward.core.settings import Settings, load_settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import Night, run_day

DAYS = (0, 1)


def feed(
    folder: Path, scenarios: Sequence[Scenario], variant: Variant, seed: int
) -> tuple[Settings, list[Night]]:
    """Land all scenarios in a new home as the variant has it, and run its nights."""
    random = Random(f"{seed} {variant.name}")
    settings = load_settings(folder / "home")
    nights: list[Night] = []
    packed = pack([vary(scenario, variant, random) for scenario in scenarios], random)
    for day in DAYS:
        for (of_day, source), records in sorted(packed.items()):
            if of_day == day:
                files = _files(folder / f"{day}-{source}", source, records, random)
                land(settings.home.landing, source, files, _date(day))
        if variant.nights > 1 or day == DAYS[-1]:
            nights.append(run_day(settings, _date(day)))
    return settings, nights


def rows_of(settings: Settings, root: Root) -> dict[str, list[Row]]:
    """Return the rows that the store holds of a root, by scenario."""
    found: dict[str, list[Row]] = defaultdict(list)
    with connect(Lake(settings.home.lake)) as connection:
        for key, *values in connection.execute(root.query).fetchall():
            row = tuple(None if value is None else str(value) for value in values)
            found[key].append(row)
    return {key: sorted(rows, key=_sortable) for key, rows in found.items()}


def differences(
    scenarios: Sequence[Scenario], found: dict[str, list[Row]]
) -> dict[str, list[tuple[str, list[Row], list[Row]]]]:
    """List by kind the scenarios whose rows are others: key, expected, found."""
    wrong = defaultdict(list)
    for scenario in scenarios:
        expected = sorted(scenario.expected, key=_sortable)
        if found.get(scenario.key, []) != expected:
            wrong[scenario.kind].append((scenario.key, expected, found.get(scenario.key, [])))
    return dict(wrong)


def _files(folder: Path, source: str, records: list[str], random: Random) -> list[Path]:
    """Write the records of a delivery into a file or two, in their order."""
    folder.mkdir(parents=True)
    cut = random.randrange(len(records) + 1)
    end, suffix = ("\n", "ndjson") if source == "ehr_fhir" else ("\r", "hl7")
    files = []
    for name, part in (("a", records[:cut]), ("b", records[cut:])):
        if part:
            path = folder / f"{name}.{suffix}"
            path.write_bytes("".join(record + end for record in part).encode())
            files.append(path)
    return files


def _sortable(row: Row) -> tuple[str, ...]:
    return tuple(value or "" for value in row)


def _date(day: int) -> date:
    return (FIRST + timedelta(days=day)).date()
