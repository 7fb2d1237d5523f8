"""The ground truth: per day, the final state of whatever changed that day, and its events.

`truth/<day>/<object>.ndjson` has one row per changed record; the state at the end of day D is the
last row of each `key` up to D, which `final_state` returns. So the size of the truth grows with
what happens, not with its square.

It is what tests compare the canonical store with: written from the records themselves, by code that
shares nothing with the readers of FHIR and HL7 v2.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

from lakeward.simulator.events import Event
from lakeward.simulator.facility_clock import fhir_instant
from lakeward.simulator.truth_facts import Row
from lakeward.simulator.truth_rows import OBJECTS
from lakeward.simulator.world import World

_EVENT_FIELDS = {
    "patient": "patient",
    "visit": "visit",
    "appointment": "appointment",
    "place": "location",  # the key is older than the word, and files of other days have it
    "order": "order",
    "referral": "referral",
    "task": "task",
    "code": "code",
    "when": "when",
}
"""Keys of a row in `events.ndjson`, and the attributes of an event behind them."""


class TruthWriter:
    """Writes the truth of one day after the other.

    Args:
        world: The hospital.
        folder: The `truth` folder.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._events: TextIO | None = None

    def open_day(self, day: date) -> None:
        """Open the file of events of `day`."""
        folder = self._folder / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        self._events = (folder / "events.ndjson").open("w", encoding="utf-8", newline="\n")

    def write_event(self, event: Event) -> None:
        """Write one event."""
        if self._events is not None:
            row: Row = {"number": event.number, "at": event.at, "kind": event.kind.value}
            stated = {key: getattr(event, name) for key, name in _EVENT_FIELDS.items()}
            row |= {key: value for key, value in stated.items() if value}
            self._events.write(_text(row))

    def close_day(self, day: date) -> None:
        """Write the state at the end of `day` of all that changed."""
        if self._events is not None:
            self._events.close()
        for name in OBJECTS:
            path = self._folder / day.isoformat() / f"{name}.ndjson"
            with path.open("w", encoding="utf-8", newline="\n") as file:
                for row in self._rows(name):
                    file.write(_text({"day": day.isoformat(), **row}))

    def _rows(self, name: str) -> Iterator[Row]:
        kinds, render = OBJECTS[name]
        # a visit may be both touched and marked; one row a key is enough, they would be equal
        seen = set()
        for group in (self._world.changed, self._world.marked):
            for kind in kinds:
                for record in group.get(kind, {}).values():
                    row = render(self._world, record)
                    if row and row["key"] not in seen:
                        seen.add(row["key"])
                        yield row


def final_state(folder: Path, day: date) -> dict[str, dict[str, Row]]:
    """Read the rows that hold at the end of `day` from a `truth` folder.

    Returns:
        By object (`visits`, `beds`, ..., see `truth_rows.OBJECTS`) and `key`; times are text, UTC.
    """
    state: dict[str, dict[str, Row]] = {name: {} for name in OBJECTS}
    for delivered in sorted(folder.iterdir()):
        if delivered.name <= day.isoformat():
            for name, rows in state.items():
                with (delivered / f"{name}.ndjson").open(encoding="utf-8") as file:
                    for line in file:
                        row = json.loads(line)
                        rows[row["key"]] = row
    return state


def _text(row: Mapping[str, Any]) -> str:
    plain = {k: fhir_instant(v) if isinstance(v, datetime) else v for k, v in row.items()}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")) + "\n"
