"""The resource that says where home is, and which business day a run is for.

Nothing is computed here; assets ask it for settings, lake, inventory and day.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from lakeward.contracts import load_contracts
from lakeward.core.errors import RetryableError
from lakeward.core.settings import Settings, load_settings
from lakeward.lake.lock import sole_writer
from lakeward.lake.memory import sweep_spill
from lakeward.lake.tables import Lake
from lakeward.landing.business_calendar import BusinessCalendar, load_calendar
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.coverage_record import coverage_of, recorded_coverage
from lakeward.landing.site_overrides import site_overrides
from lakeward.landing.sources import Inventory, load_inventory
from lakeward.worklists.freshness import data_as_of

PARTITION_TAG = "dagster/partition"
AS_OF_TAG, MADE_AT_TAG = "as_of", "made_at"
"""Tags of a run that is not for a whole day: its cut-off, and when its list is made."""


@dataclass(frozen=True)
class BusinessDay:
    """The day a run is for; rules read `as_of`, its cut-off, and never the wall clock.

    `made_at` is when lists are made, as the run was given it: what has begun by then is past. It is
    the cut-off where a run has none.
    `data_as_of` is, by table, up to when its sources are known.
    """

    day: date
    as_of: datetime
    time_zone: str
    source_time_zones: Mapping[str, str] = field(default_factory=dict)
    source_feeds: Mapping[str, str] = field(default_factory=dict)
    facilities: Sequence[Mapping[str, object]] = ()
    made_at: datetime | None = None
    data_as_of: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, object]:
        """Return the dbt variables of the day."""
        return {
            "day": self.day.isoformat(),
            "as_of": _text(self.as_of),
            "made_at": _text(self.made_at or self.as_of),
            # of a list made during the day the sources are known up to its cut-off, and no further
            "data_as_of": {
                table: _text(min(at, self.as_of)) for table, at in self.data_as_of.items()
            },
            "time_zone": self.time_zone,
            # read from text in staging: a time without an offset is local to where its source is
            "source_time_zones": dict(self.source_time_zones),
            "source_feeds": dict(self.source_feeds),
            "facilities": [dict(facility) for facility in self.facilities],
        }


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def business_day(inventory: Inventory, calendar: BusinessCalendar, day: date) -> BusinessDay:
    """Return the cut-off of a day in the facility's zone, with zones, and the days ahead of it."""
    facility = inventory.facility
    zones = {source.name: source.time_zone for source in inventory.sources}
    facilities = [
        {
            "id": each.id,
            "time_zone": each.time_zone,
            "codes": [each.id, *each.codes],
            "sources": [s.name for s in inventory.sources if s.facility == each.id],
            "days": [
                [ahead.day.isoformat(), ahead.is_working, ahead.is_closed_by_date]
                for ahead in calendar.ahead(each.id, day)
            ],
        }
        for each in inventory.all_facilities
    ]
    feeds = {source.name: source.feed for source in inventory.sources if source.feed}
    return BusinessDay(day, facility.cut_off(day), facility.time_zone, zones, feeds, facilities)


class LakewardHome(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where landing, lake, outbox and site lie; an empty `root` means `LAKEWARD_HOME`."""

    root: str = ""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakewardHome"]:
        """Hold the lake as its only writer for the length of a run."""
        del context
        try:
            # For the whole run and not for each step: a second run must not load files in between.
            # It fails at once, so that whoever started it sees why nothing happened.
            home = self.settings().home
            with sole_writer(home):
                # a killed run leaves rows of patients there, and a full disk
                sweep_spill(home.work / "spill")
                yield self
        except RetryableError as error:
            raise dg.Failure(str(error)) from None

    def settings(self) -> Settings:
        """Read the settings; at run time, never at import."""
        return load_settings(Path(self.root) if self.root else None)

    def lake(self) -> Lake:
        """Return the lake of this home."""
        return Lake(self.settings().home.lake)

    def inventory(self) -> Inventory:
        """Read the interface inventory of this home."""
        return load_inventory(self.settings().home)

    def day_of(self, context: dg.AssetExecutionContext) -> BusinessDay:
        """Return the run's partition as business day; without one, the facility's today."""
        inventory = self.inventory()
        # from the tag: raw and canonical steps have no partitions, but run for a day all the same
        key = context.run.tags.get(PARTITION_TAG)
        day = date.fromisoformat(key) if key else inventory.facility.today(datetime.now(UTC))
        today = business_day(inventory, load_calendar(self.settings().home, inventory), day)
        # before anything is built on them
        site_overrides(self.settings().home, inventory)
        given = {
            n: datetime.fromisoformat(v) for n, v in context.run.tags.items() if n in _INSTANTS
        }
        # a day that is not over is in as far as it has come: a cut-off ahead of the clock would
        # make a list look fresh until then
        as_of = given.get(AS_OF_TAG) or min(today.as_of, _started(context))
        known = data_as_of(list(load_contracts().values()), recorded_coverage(self.lake(), day))
        return replace(today, as_of=as_of, made_at=given.get(MADE_AT_TAG), data_as_of=known)

    def coverage(self, day: date) -> Sequence[SourceCoverage]:
        """Return what is known of a day's sources: as recorded by its night, else as of now."""
        return recorded_coverage(self.lake(), day) or coverage_of(
            self.lake(), self.settings().home, self.inventory(), day
        )


_INSTANTS = (AS_OF_TAG, MADE_AT_TAG)


def _started(context: dg.AssetExecutionContext) -> datetime:
    """Return when the run was created: the same in all its steps."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    return record.create_timestamp if record else datetime.now(UTC)
