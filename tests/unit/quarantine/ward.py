"""A small ward: a home with two interfaces, whose nights are landing, loading and settling only."""

import json
from datetime import UTC, date, datetime
from typing import Any

from lakeward.assets.formats import format_of
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.replays import Replay, replay
from lakeward.quarantine.records import Selection
from lakeward.quarantine.replay import Actor, finish
from lakeward.quarantine.trail import update_states

DAY = date(2026, 1, 5)
SOURCE = """
  - name: {name}
    system: System
    format: {format}
    transport: file
    owner: team:x
    purpose: Test
    time_zone: Europe/Berlin
    expected_volume: {{minimum: 0, maximum: 10}}
    end_of_support: 2029-12-31
    accepted_senders: [{senders}]
"""


def message(control_id: str, sender: str = "ADT", body: str = "PID|1||77^^^LKWD^MR") -> str:
    return f"MSH|^~\\&|{sender}|LKWD|X|Y|20260105101500||ADT^A04|{control_id}|P|2.5.1\r{body}"


def patient(identifier: str | None, **more: object) -> str:
    made = {"resourceType": "Patient", **({"id": identifier} if identifier else {}), **more}
    return json.dumps(made)


class Ward:
    """What a test does to a home, and what it reads from it."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.home = settings, settings.home
        self.lake = Lake(settings.home.lake)
        self.home.root.mkdir(parents=True, exist_ok=True)
        self.accept("ADT")

    def accept(self, *senders: str) -> None:
        """Write the inventory: which senders the interface `adt` takes."""
        text = "facility: {id: T, name: Test, time_zone: Europe/Berlin}\nsources:"
        text += SOURCE.format(name="adt", format="hl7v2", senders=", ".join(senders))
        text += SOURCE.format(name="ehr", format="fhir", senders="")
        (self.home.root / "sources.yaml").write_text(text)

    def land(self, source: str, name: str, content: str | bytes, day: date = DAY) -> None:
        """Deliver one file."""
        path = self.home.root.parent / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        land(self.home.landing, source, [path], day)

    def night(self) -> None:
        """Load what is pending, as a run does."""
        finish(self.lake, self.home.landing)
        inventory = load_inventory(self.home)
        used = [s for s in inventory.sources if (self.home.landing / s.name).is_dir()]
        for source in used:
            register(
                self.lake,
                self.home.landing,
                deliveries(self.home.landing, source.name, date(2030, 1, 1)),
            )
            load_pending(self.lake, self.home, source, format_of(source))
        update_states(self.lake)

    def replay(self, *ids: str, correction: bytes | None = None, **chosen: Any) -> Replay:
        """Replay as the command line does."""
        by = Actor("tester", datetime.now(UTC), "a note")
        return replay(self.settings, Selection(ids=ids, **chosen), by, correction)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Query the lake."""
        with connect(self.lake) as connection:
            return connection.execute(query).fetchall()

    def ids(self, where: str = "true") -> list[str]:
        """List quarantine ids in order of place."""
        sql = f"select quarantine_id from quarantine where {where} order by source, position"
        return [found for (found,) in self.rows(sql)]

    def states(self) -> dict[str, int]:
        """Count by state what `lakeward sql` shows."""
        return dict(self.rows("select state, count(*) from quarantine group by 1"))
