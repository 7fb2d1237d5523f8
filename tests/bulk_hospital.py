"""A hospital whose source is pulled from the test server, with a clock that only tests move."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bulk_server import BulkServer, Resource
from lakeward.core.settings import Settings
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.fhir.bulk.context import ExportContext, open_context
from lakeward.fhir.bulk.exports import ExportRequest, begin, complete
from lakeward.fhir.bulk.keys import generate_key, jwks, key_folder, read_keys
from lakeward.fhir.bulk.state import ExportRun
from lakeward.landing.bulk import BulkExport
from lakeward.landing.sources import Source

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
DAY = date(2026, 1, 4)


@dataclass
class Time:
    """A clock that only sleeping moves; it keeps the pauses in seconds."""

    instant: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += timedelta(seconds=seconds)


@dataclass
class Hospital:
    """A server, a source that pulls from it, and what a test asks of both."""

    settings: Settings
    time: Time
    server: BulkServer
    bulk: dict[str, Any]
    stack: ExitStack

    @property
    def source(self) -> Source:
        return Source(
            name="ehr_fhir",
            system="EHR",
            format="fhir",
            transport="bulk export",
            owner="team:ehr",
            purpose="test",
            time_zone="America/New_York",
            expected_volume={"maximum": 1000},
            bulk=BulkExport(**{"base_url": self.server.base_url, **self.bulk}),
            end_of_support=date(2030, 1, 1),
        )

    @property
    def clock(self) -> ExportClock:
        return ExportClock(now=self.time.now, sleep=self.time.sleep, chance=lambda: 0.5)

    def write_inventory(self) -> None:
        """Put a `sources.yaml` with this source into the home."""
        facility = {"id": "LKWD", "name": "Test", "time_zone": "America/New_York"}
        source = self.source.model_dump(mode="json")
        self.settings.home.root.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"facility": facility, "sources": [source]})  # JSON is YAML
        (self.settings.home.root / "sources.yaml").write_text(text)

    def context(self) -> ExportContext:
        return self.stack.enter_context(open_context(self.settings.home, self.source, self.clock))

    def pull(self, day: date = DAY, **request: Any) -> ExportRun:
        """Run an export to its end."""
        context = self.context()
        return complete(context, begin(context, ExportRequest(day, **request)))

    def landed(self, day: date = DAY) -> list[Path]:
        """The data files of a complete delivery."""
        folder = self.settings.home.landing / "ehr_fhir" / day.isoformat()
        assert (folder / "_COMPLETE").is_file()
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return [p for p in files if p.name not in ("_COMPLETE", "manifest.json")]

    def is_landed(self, day: date = DAY) -> bool:
        """Whether a day's delivery is complete."""
        return (self.settings.home.landing / "ehr_fhir" / day.isoformat() / "_COMPLETE").exists()

    def another_server(self, **switches: Any) -> BulkServer:
        """A second origin, which gives the files of the first one."""
        other = BulkServer(self.time.now, [], **switches)
        other.exports = self.server.exports
        return self.stack.enter_context(other.running())


def patient(number: int, updated: datetime = START - timedelta(days=30)) -> Resource:
    """A patient of whom nothing is known but that he was updated."""
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "meta": {"versionId": "1", "lastUpdated": updated.isoformat()},
    }


def encounter(number: int, of: int, updated: datetime = START - timedelta(days=30)) -> Resource:
    """An encounter of a patient."""
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "meta": {"lastUpdated": updated.isoformat()},
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/p{of}"},
    }


RESOURCES = [*map(patient, range(1, 6)), *(encounter(n, n % 5 + 1) for n in range(1, 9))]


def make_hospital(
    settings: Settings,
    stack: ExitStack,
    resources: list[Resource] | None = None,
    *,
    auth: bool = False,
    **given: Any,
) -> Hospital:
    """Make a server and a source: `bulk_` arguments are settings, the others switches."""
    time = Time()
    own = {k.removeprefix("bulk_"): v for k, v in given.items() if k.startswith("bulk_")}
    switches = {k: v for k, v in given.items() if not k.startswith("bulk_")}
    held = list(RESOURCES if resources is None else resources)
    switches.setdefault("needs_token", auth)
    server = stack.enter_context(BulkServer(time.now, held, **switches).running())
    bulk = {"level": "system", "types": ("Patient", "Encounter"), **own}
    made = Hospital(settings, time, server, bulk, stack)
    if auth:
        made.bulk.setdefault("client_id", "lakeward-test")
        folder = key_folder(settings.home, made.source)
        generate_key(folder, "ES384", time.now())
        server.jwks = jwks(read_keys(folder))
    return made
