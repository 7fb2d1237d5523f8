"""Local and universal time of one facility: the only module that converts or formats instants.

The story is in UTC; HL7 v2 gets local time without offset, as most senders do, and FHIR gets local
time with it. In the repeated hour of autumn only FHIR is unambiguous, see `unambiguous`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class FacilityClock:
    """The facility's time zone and what follows from it."""

    zone: ZoneInfo

    def at(self, day: date, minutes: float = 0) -> datetime:
        """Return the instant, in UTC, when the clock is `minutes` after midnight of `day`."""
        wall = datetime.combine(day, time(), tzinfo=self.zone) + timedelta(minutes=minutes)
        return wall.replace(microsecond=0).astimezone(UTC)

    def local(self, at: datetime) -> datetime:
        """Return an instant in the facility's zone."""
        return at.astimezone(self.zone)

    def day(self, at: datetime) -> date:
        """Return the local calendar day of an instant."""
        return at.astimezone(self.zone).date()

    def minutes(self, at: datetime) -> int:
        """Return the wall-clock minutes since local midnight."""
        local = at.astimezone(self.zone)
        return local.hour * 60 + local.minute

    def unambiguous(self, at: datetime) -> datetime:
        """Move an instant in the second of the two autumn hours behind that hour.

        HL7 v2 times have no offset here, so a second 01:30 would read like the first, and no
        reader could agree with the truth.
        """
        local = at.astimezone(self.zone)
        if not local.fold:
            return at
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def hl7(self, at: datetime | None) -> str:
        """Format as an HL7 DTM to the second, local, without offset; None is an empty field."""
        if at is None:
            return ""
        iso = at.astimezone(self.zone).isoformat(timespec="seconds")  # strftime takes twice as long
        return f"{iso[:4]}{iso[5:7]}{iso[8:10]}{iso[11:13]}{iso[14:16]}{iso[17:19]}"

    def fhir(self, at: datetime) -> str:
        """Format as a FHIR dateTime with offset."""
        return at.astimezone(self.zone).isoformat(timespec="seconds")


def fhir_instant(at: datetime) -> str:
    """Format as a FHIR instant in UTC, as servers stamp `meta.lastUpdated`."""
    return f"{at.isoformat(timespec='seconds')[:19]}.000Z"


def is_working(day: date) -> bool:
    """Return whether clinics open on this day (Monday to Friday); there are no holidays."""
    return day.weekday() < SATURDAY


def working_day(day: date) -> date:
    """Return `day` or, on a weekend, the Monday after."""
    while not is_working(day):
        day += timedelta(days=1)
    return day


def next_working_day(day: date) -> date:
    """Return the first working day after `day`."""
    return working_day(day + timedelta(days=1))
