"""The interface inventory: which sources exist, whose they are and what they may send.

Pure data and its loader; how a format is read belongs to `lakeward.fhir` and `lakeward.hl7v2`.
"""

from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lakeward.contracts.subjects import SUBJECTS, Subject
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
        facility: Id of the facility whose visits it states where no location says another; None
            where it speaks of several.
        tz_policy: What HL7 v2 times without an offset are in: the interface's time_zone
            (`facility`), or the offset of MSH-7 where it has one (`msh7`).
        provides: Subjects that it brings; without it all of them, so that whoever forgets to say so
            gets a list held too often, not too seldom.
        in_service_from: First day of which a delivery is expected; without it, that of the first
            one that came. Until then the source holds nothing back.
        may_be_empty: A file without any record is a delivery of nothing; without it, an empty one
            counts only when its trailer or manifest says 0.
        expected_volume: What a delivery is expected to hold; fewer records mark the lists on it.
        feed: What ranks the statements of a FHIR source in seed `authority`, as `portal`; without
            it `fhir`. Messages of HL7 v2 are ranked by their family.
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
    provides: tuple[Subject, ...] = SUBJECTS
    in_service_from: date | None = None
    may_be_empty: bool = False
    expected_volume: Volume
    accepted_senders: tuple[str, ...] = ()
    accepted_receivers: tuple[str, ...] = ()
    accepted_processing_ids: tuple[str, ...] = ()
    batch_policy: Policy = "quarantine"
    control_id_policy: Policy = "quarantine"
    charset: str | None = None
    bulk: BulkExport | None = None
    facility: str | None = None
    tz_policy: Literal["facility", "msh7"] = "facility"
    feed: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    end_of_support: date

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    @model_validator(mode="after")
    def _bulk_is_fhir(self) -> "Source":
        if self.bulk and self.format != "fhir":
            raise ValueError("`bulk` is for format fhir")
        if self.feed and self.format != "fhir":
            raise ValueError("`feed` is for format fhir")
        return self


class Facility(_Entry):
    """A hospital or clinic whose calendar and clock the rows of worklists follow.

    Attributes:
        id: Begins the names of files, and stands in `calendar.csv`.
        codes: How sources call it beside its id: in PL.4 of HL7 v2, as the authority of a Location.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    name: str
    time_zone: str
    codes: tuple[str, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    def cut_off(self, day: date) -> datetime:
        """Return the instant up to which day `day` counts: the start of the next local day."""
        # midnight, not 24 hours later: the days on which clocks change have 23 or 25 hours
        return self.at(day + timedelta(days=1), time(0))

    def at(self, day: date, local: time) -> datetime:
        """Return the instant of a local time; one that a clock change skips is an hour later."""
        # through UTC: two times of one zone are compared by their digits, whatever the offset
        return datetime.combine(day, local, ZoneInfo(self.time_zone)).astimezone(UTC)

    def today(self, now: datetime) -> date:
        """Return the local date of an instant."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


class Inventory(_Entry):
    """The facilities and all their interfaces.

    Attributes:
        facility: The one whose clock decides when a business day ends, and begins names of files.
        facilities: Others that the same sources speak of, each with its own clock and calendar.
    """

    facility: Facility
    facilities: tuple[Facility, ...] = ()
    sources: tuple[Source, ...]

    @property
    def all_facilities(self) -> tuple[Facility, ...]:
        """List all facilities, the one that decides on days first."""
        return (self.facility, *self.facilities)

    @model_validator(mode="after")
    def _facilities_are_distinct(self) -> "Inventory":
        named = [name for each in self.all_facilities for name in {each.id, *each.codes}]
        if len(named) != len(set(named)):
            raise ValueError("two facilities have one id or code")
        known = {each.id for each in self.all_facilities}
        if any(s.facility is not None and s.facility not in known for s in self.sources):
            raise ValueError("a source names a facility that is not listed")
        return self

    def is_of_demo(self) -> bool:
        """Return whether all sources are those of the demo, whose patients are invented."""
        return all(source in _packaged().sources for source in self.sources)

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


def has_own_inventory(home: Home) -> bool:
    """Return whether the home has an inventory; else that of the demo hospital counts."""
    return (home.root / "sources.yaml").is_file()


def load_inventory(home: Home) -> Inventory:
    """Read `sources.yaml` of the home, or the packaged one when the home has none.

    Raises:
        SpecError: The file is not a valid inventory; the text names the entry, not its values.
    """
    own = home.root / "sources.yaml"
    if not has_own_inventory(home):
        return _packaged()
    return _read(own.read_text(encoding="utf-8"), str(own))


@lru_cache(maxsize=1)
def _packaged() -> Inventory:
    packaged = resources.files("lakeward.landing").joinpath("sources.yaml")
    return _read(packaged.read_text(encoding="utf-8"), "packaged sources.yaml")


def _read(text: str, where: str) -> Inventory:
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
