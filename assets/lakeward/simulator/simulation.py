"""`simulate`: run the story day by day and deliver each day as a hospital would.

<out>/landing/<source>/<day>/   files, manifest.json (FHIR), the marker _COMPLETE last
<out>/truth/<day>/              events.ndjson, and one file for each kind of object
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lakeward.core.errors import UsageError
from lakeward.simulator import fhir_writer, hl7_writer
from lakeward.simulator.events import Event
from lakeward.simulator.feed_habits import FeedHabits, Hand
from lakeward.simulator.ground_truth import TruthWriter
from lakeward.simulator.stage import open_story, simulate_day

SOURCES = (fhir_writer.SOURCE, *hl7_writer.FILES)
MARKER = "_COMPLETE"
_OURS = (".ndjson", ".json", ".hl7")


@dataclass(frozen=True)
class SimulationSummary:
    """What was written.

    Attributes:
        out: Folder that holds `landing` and `truth`.
        days: The delivered days.
        events: Events by kind, history included.
        messages: HL7 messages by trigger (`ADT^A01`), re-sent ones included.
        resources: FHIR resources by type over all exports.
    """

    out: Path
    days: tuple[date, ...]
    events: Mapping[str, int]
    messages: Mapping[str, int]
    resources: Mapping[str, int]


def simulate(
    out: Path,
    patients: int,
    days: int,
    start: date,
    seed: int,
    time_zone: str = "America/New_York",
    habits: FeedHabits | None = None,
) -> SimulationSummary:
    """Simulate a hospital and write its deliveries and the truth about it.

    Args:
        out: Folder to write `landing/<source>/<day>/…` and `truth/<day>/…` into.
        patients: Number of people; beds, clinicians and daily volumes follow from it.
        days: Number of delivered days.
        start: First delivered day; its FHIR export carries four weeks of history.
        seed: Same seed and arguments, same bytes.
        time_zone: IANA zone of the hospital.
        habits: How the feeds write; what happened is the same with all of them.

    Raises:
        UsageError: When an argument is out of range or the zone is unknown.
    """
    _check(patients, days, time_zone)
    story = open_story(patients, start, seed, time_zone)
    hand = Hand(habits or FeedHabits(), Random(f"lakeward habits|{seed}"))
    hl7 = hl7_writer.Hl7Writer(story.world, story.clock, hand)
    fhir = fhir_writer.FhirWriter(story.world, story.clock, start, hand)
    truth = TruthWriter(story.world, out / "truth")
    events: Counter[str] = Counter()

    def count(event: Event) -> None:
        events[event.kind.value] += 1

    story.listeners += [hl7.write_event, truth.write_event, count]
    calendar = tuple(start + timedelta(days=offset) for offset in range(days))
    for day in calendar:
        folders = _folders(out, day)
        # HL7 v2 is written event by event, FHIR once at the end of the day
        hl7.open_day(day, folders)
        truth.open_day(day)
        simulate_day(story, day)
        hl7.close_day()
        fhir.export(day, folders[fhir_writer.SOURCE])
        truth.close_day(day)
        story.world.forget_changes()
        for folder in folders.values():
            (folder / MARKER).touch()
    counts = (_sorted(events), _sorted(hl7.sent), _sorted(fhir.written))
    return SimulationSummary(out, calendar, *counts)


def _folders(out: Path, day: date) -> dict[str, Path]:
    """Make the folder of each source for a day."""
    return {source: _prepare(out / "landing" / source / day.isoformat()) for source in SOURCES}


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _check(patients: int, days: int, time_zone: str) -> None:
    if patients < 1 or days < 1:
        remedy = "give at least one patient and one day"
        raise UsageError("simulate", "patients or days below 1", "positive numbers", remedy)
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        remedy = "name one such as America/New_York"
        raise UsageError("simulate", "unknown time zone", "an IANA zone", remedy) from error


def _prepare(folder: Path) -> Path:
    """Make an empty folder without marker, so that nobody reads a mixture of two simulations.

    Only files of our own kinds are removed: somebody may have pointed `out` at a folder in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).unlink(missing_ok=True)
    for file in folder.iterdir():
        if file.suffix in _OURS:
            file.unlink()
    return folder
