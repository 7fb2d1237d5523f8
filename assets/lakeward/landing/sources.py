"""The interface inventory: which sources exist, whose they are and what they may send.

Pure data and its loader; how a format is read belongs to `lakeward.fhir` and `lakeward.hl7v2`.
"""

from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from importlib import resources
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lakeward.core.errors import SpecError, UsageError
from lakeward.core.paths import Home
from lakeward.landing.bulk import BulkExport

Policy = Literal["quarantine", "accept_with_warning"]
"""What happens to what breaks a rule: it is rejected, or kept and reported."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Volume(_Entry):
    """Messages or resources that one delivery is expected to hold."""

    minimum: int = 0
    maximum: int


class Source(_Entry):
    """One interface: a system that delivers files in one format.

    Attributes:
        accepted_senders: `APPLICATION` or `APPLICATION^FACILITY` of MSH-3 and MSH-4; empty is any.
        accepted_receivers: The same of MSH-5 and MSH-6; empty is any.
        accepted_processing_ids: MSH-11 codes; empty is any.
        batch_policy: What happens to a batch whose promised and found counts differ, or that is cut
            off; `accept_with_warning` keeps all of it but a message that is cut off itself.
        control_id_policy: What happens to a batch or file that has the control id of an accepted
            one and other content; `accept_with_warning` suits senders that number from 1 each day.
        charset: Overrides what the messages declare.
        bulk: How a FHIR source is pulled with a Bulk Data export; without it, files arrive.
        tz_policy: What HL7 v2 times without an offset are in: the interface's time_zone
            (`facility`), or the offset of MSH-7 where it has one (`msh7`).
        expected_volume: What a delivery is expected to hold; shown with the deliveries.
        end_of_support: Last day on which the interface is maintained; shown there, too.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    system: str
    format: Literal["fhir", "hl7v2"]
    transport: str
    owner: str = Field(pattern=r"^(team:[\w-]+|[^@\s]+@[^@\s]+)$")
    purpose: str
    time_zone: str
    cadence: Literal["hourly", "daily", "weekly"] = "daily"
    expected_volume: Volume
    accepted_senders: tuple[str, ...] = ()
    accepted_receivers: tuple[str, ...] = ()
    accepted_processing_ids: tuple[str, ...] = ()
    batch_policy: Policy = "quarantine"
    control_id_policy: Policy = "quarantine"
    charset: str | None = None
    bulk: BulkExport | None = None
    tz_policy: Literal["facility", "msh7"] = "facility"
    end_of_support: date

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    @model_validator(mode="after")
    def _bulk_is_fhir(self) -> "Source":
        if self.bulk and self.format != "fhir":
            raise ValueError("`bulk` is for format fhir")
        return self


class Facility(_Entry):
    """The hospital whose calendar and clock the worklists follow."""

    id: str
    name: str
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    def cut_off(self, day: date) -> datetime:
        """Return the instant up to which day `day` counts: the start of the next local day."""
        # midnight, not 24 hours later: the days on which clocks change have 23 or 25 hours
        return datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(self.time_zone))

    def today(self, now: datetime) -> date:
        """Return the local date of an instant."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


class Inventory(_Entry):
    """The facility and all its interfaces."""

    facility: Facility
    sources: tuple[Source, ...]

    def source(self, name: str) -> Source:
        """Find a source by name.

        Raises:
            UsageError: There is none of that name.
        """
        names = [s.name for s in self.sources]
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise UsageError(
                f"source {name}",
                "not in the interface inventory",
                " or ".join(names),
                f"did you mean {near[0]}?" if near else "add it to sources.yaml",
            )
        return self.sources[names.index(name)]


def load_inventory(home: Home) -> Inventory:
    """Read `sources.yaml` of the home, or the packaged one when the home has none.

    Raises:
        SpecError: The file is not a valid inventory; the text names the entry, not its values.
    """
    own = home.root / "sources.yaml"
    packaged = resources.files("lakeward.landing").joinpath("sources.yaml")
    text = (own if own.is_file() else packaged).read_text(encoding="utf-8")
    where = str(own) if own.is_file() else "packaged sources.yaml"
    try:
        return Inventory.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise SpecError(
            where, _first_problem(error), "a valid inventory", "mend the file"
        ) from None


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not an IANA time zone") from None
    return value


def _first_problem(error: ValidationError | yaml.YAMLError) -> str:
    if isinstance(error, ValidationError):
        # the first is enough to go on with; pydantic would quote the input, and we never do
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
    return "not valid YAML"
