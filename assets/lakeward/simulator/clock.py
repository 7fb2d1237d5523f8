"""Local and universal time of one facility: the only place that converts or formats instants.

The story thinks in UTC; HL7 v2 gets local time without offset, FHIR gets local time with it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """The facility's time zone and what follows from it."""

    zone: ZoneInfo

    def at(self, day: date, minutes: float = 0) -> datetime:
        """Give the instant `minutes` of wall-clock time after local midnight of `day`."""
        wall = datetime.combine(day, time(), tzinfo=self.zone) + timedelta(minutes=minutes)
        return wall.replace(microsecond=0).astimezone(UTC)

    def local(self, at: datetime) -> datetime:
        """Give the instant in the facility's zone."""
        return at.astimezone(self.zone)

    def day(self, at: datetime) -> date:
        """Give the local calendar day of the instant."""
        return at.astimezone(self.zone).date()

    def minutes(self, at: datetime) -> int:
        """Give the wall-clock minutes since local midnight."""
        local = at.astimezone(self.zone)
        return local.hour * 60 + local.minute

    def settled(self, at: datetime) -> datetime:
        """Push an instant of the repeated autumn hour behind that hour.

        HL7 v2 times carry no offset here, so the second 01:30 could not be told from the first.
        """
        local = at.astimezone(self.zone)
        if not local.fold:
            return at
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def hl7(self, at: datetime | None) -> str:
        """Format as an HL7 DTM to the second, local, without offset; nothing gives nothing."""
        if at is None:
            return ""
        iso = at.astimezone(self.zone).isoformat(timespec="seconds")  # strftime takes twice as long
        return f"{iso[:4]}{iso[5:7]}{iso[8:10]}{iso[11:13]}{iso[14:16]}{iso[17:19]}"

    def fhir(self, at: datetime) -> str:
        """Format as a FHIR dateTime with offset."""
        return at.astimezone(self.zone).isoformat(timespec="seconds")


def instant(at: datetime) -> str:
    """Format as a FHIR instant in UTC, as servers stamp `meta.lastUpdated`."""
    return f"{at.isoformat(timespec='seconds')[:19]}.000Z"


def is_working(day: date) -> bool:
    """Tell whether clinics open on this day (Monday to Friday)."""
    return day.weekday() < SATURDAY


def working_day(day: date) -> date:
    """Give `day` or, on a weekend, the Monday after."""
    while not is_working(day):
        day += timedelta(days=1)
    return day


def next_working_day(day: date) -> date:
    """Give the first working day after `day`."""
    return working_day(day + timedelta(days=1))
