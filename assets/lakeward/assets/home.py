"""The resource that says where home is, and which business day a run is for.

Nothing is computed here; assets ask it for settings, lake, inventory and day.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from lakeward.core.errors import RetryableError
from lakeward.core.settings import Settings, load_settings
from lakeward.lake.lock import sole_writer
from lakeward.lake.tables import Lake
from lakeward.landing.sources import Facility, Inventory, load_inventory

PARTITION_TAG = "dagster/partition"


@dataclass(frozen=True)
class BusinessDay:
    """The day a run is for; rules read `as_of`, its cut-off, and never the wall clock."""

    day: date
    as_of: datetime
    time_zone: str

    @property
    def variables(self) -> dict[str, str]:
        """Return the dbt variables of the day."""
        return {
            "day": self.day.isoformat(),
            "as_of": self.as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "time_zone": self.time_zone,
        }


def business_day(facility: Facility, day: date) -> BusinessDay:
    """Return the cut-off of a day in the facility's zone."""
    return BusinessDay(day, facility.cut_off(day), facility.time_zone)


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
            with sole_writer(self.settings().home):
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
        facility = self.inventory().facility
        # from the tag: raw and canonical steps have no partitions, but run for a day all the same
        key = context.run.tags.get(PARTITION_TAG)
        day = date.fromisoformat(key) if key else facility.today(datetime.now(UTC))
        return business_day(facility, day)
