"""The hospital at one moment: all records by id, and which of them changed today.

Lookups only; what an event does to the records is in `state`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lakeward.simulator.hospital import Hospital
from lakeward.simulator.records import (
    Appointment,
    Consent,
    Order,
    Person,
    Place,
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
        hospital: The standing part.
        changed: Records touched since the last `forget_changes`, by class name and id.
        marked: Records that read differently now though they were not touched.
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
    changed: dict[str, dict[str, Record]] = field(default_factory=dict)
    marked: dict[str, dict[str, Record]] = field(default_factory=dict)

    def place(self, place: str) -> Place:
        """Give the unit, room or bed with this id."""
        return self.hospital.places[place]

    def practitioner(self, practitioner: str) -> Practitioner:
        """Give the clinician with this id."""
        return self.hospital.practitioners[practitioner]

    def person(self, patient: str) -> Person:
        """Give the person that this id stands for today: a retired record leads to its survivor."""
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

    def touch(self, record: Record, at: datetime) -> None:
        """Note a change: one version up, and part of the next export."""
        record.version += 1
        record.updated = at
        self.changed.setdefault(type(record).__name__, {})[record.id] = record

    def mark(self, record: Record) -> None:
        """Note that a record reads differently (the truth about it), with no new version of it."""
        self.marked.setdefault(type(record).__name__, {})[record.id] = record

    def forget_changes(self) -> None:
        """Begin a new day's export."""
        self.changed, self.marked = {}, {}

    def changes(self, kind: str) -> Iterator[Record]:
        """Give the records of one class that changed, in the order of their first change."""
        yield from self.changed.get(kind, {}).values()


def slot_id(practitioner: str, start: datetime) -> str:
    """Name the slot of a practitioner at an instant."""
    return f"slot-{practitioner.removeprefix('prac-')}-{start.isoformat()[:16].replace(':', '')}"
