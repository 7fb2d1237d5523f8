"""The hospital at one moment: all records by id, and which of them changed today.

Lookups only; what an event does to the records is in `event_fold`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lakeward.simulator.fact_records import Fact
from lakeward.simulator.hospital import Hospital
from lakeward.simulator.hospital_records import (
    Appointment,
    Consent,
    Location,
    Order,
    Person,
    Practitioner,
    Record,
    Referral,
    Slot,
    Task,
    Visit,
)


@dataclass
class World:
    """Everything that the hospital knows.

    Attributes:
        hospital: The part that never changes its members: locations, clinicians, organizations.
        covers: The cover of each patient, by their ids.
        changed: Records touched since the last `forget_changes`, by class name and id.
        marked: Records about which the truth has changed, though they have no new version.
    """

    hospital: Hospital
    people: dict[str, Person] = field(default_factory=dict)
    consents: dict[str, Consent] = field(default_factory=dict)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    referrals: dict[str, Referral] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    covers: dict[str, str] = field(default_factory=dict)
    changed: dict[str, dict[str, Record]] = field(default_factory=dict)
    marked: dict[str, dict[str, Record]] = field(default_factory=dict)

    def location(self, location: str) -> Location:
        """Return the unit, room or bed with this id."""
        return self.hospital.locations[location]

    def practitioner(self, practitioner: str) -> Practitioner:
        """Return the clinician with this id."""
        return self.hospital.practitioners[practitioner]

    def person(self, patient: str) -> Person:
        """Return the person of this id today: a record that was merged leads to its survivor."""
        person = self.people[patient]
        while person.merged_into:
            person = self.people[person.merged_into]
        return person

    def take(self, record: Record) -> None:
        """Add a new record."""
        match record:
            case Person():
                self.people[record.id] = record
            case Consent():
                self.consents[record.id] = record
            case Appointment():
                self.appointments[record.id] = record
            case Visit():
                self.visits[record.id] = record
            case Order():
                self.orders[record.id] = record
            case Referral():
                self.referrals[record.id] = record
            case Task():
                self.tasks[record.id] = record
            case Slot():
                self.slots[record.id] = record
            case Fact():
                self.facts[record.id] = record

    def touch(self, record: Record, at: datetime) -> None:
        """Record a change: one version up, and part of the next export."""
        record.version += 1
        record.updated = at
        self.changed.setdefault(type(record).__name__, {})[record.id] = record

    def mark(self, record: Record) -> None:
        """Record that the truth about a record has changed, with no new version of it."""
        self.marked.setdefault(type(record).__name__, {})[record.id] = record

    def forget_changes(self) -> None:
        """Begin a new day's export."""
        self.changed, self.marked = {}, {}

    def changes(self, kind: str) -> Iterator[Record]:
        """Yield the records of one class that changed, in the order of their first change."""
        yield from self.changed.get(kind, {}).values()


def slot_id(practitioner: str, start: datetime) -> str:
    """Name the slot of a practitioner at an instant."""
    return f"slot-{practitioner.removeprefix('prac-')}-{start.isoformat()[:16].replace(':', '')}"
