"""What the hospital knows at one moment: plain mutable records, one class per kind of thing.

Only the folds change them; how they look in a message, a resource or a truth row is decided by the
writers. All instants are in UTC.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything in the story happens."""


@dataclass(slots=True, kw_only=True)
class Record:
    """Identity and version of anything that changes."""

    id: str
    version: int = 0
    updated: datetime = LONG_AGO


@dataclass(slots=True, kw_only=True)
class Person(Record):
    """One patient record (a duplicate registration is a record of its own)."""

    mrn: str
    family: str
    given: str
    middle: str
    sex: str
    birth_date: date
    line: str
    city: str
    state: str
    postal_code: str
    language: tuple[str, str]
    interpreter: bool | None = None
    phone_mobile: str = ""
    phone_home: str = ""
    phone_work: str = ""
    email: str = ""
    active: bool = True
    deceased_at: datetime | None = None
    merged_into: str = ""
    replaces: list[str] = field(default_factory=list)
    visit: str = ""
    bookings: dict[str, date] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Consent(Record):
    """One decision about contacting the patient over one channel."""

    patient: str
    channel: str
    permit: bool
    decided_at: datetime


@dataclass(slots=True, kw_only=True)
class Location(Record):
    """A unit, room or bed; beds carry a status (table 0116) and who lies in them."""

    unit: str
    room: str = ""
    bed: str = ""
    name: str
    physical: str
    role: str
    parent: str = ""
    phone: str = ""
    status: str = ""
    status_since: datetime = LONG_AGO
    visit: str = ""
    dirty_at: datetime | None = None
    cleaned_at: datetime | None = None
    vacated_at: datetime | None = None
    occupied_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Practitioner(Record):
    """A clinician; `unit` is where they work, `room` their exam room in a clinic."""

    npi: str
    family: str
    given: str
    unit: str
    room: str = ""


@dataclass(slots=True, kw_only=True)
class Organization(Record):
    """The hospital, one of its service teams, a referring practice or a payer."""

    name: str
    code: str
    phone: str = ""


@dataclass(slots=True, kw_only=True)
class Slot(Record):
    """Half an hour of one practitioner."""

    practitioner: str
    start: datetime
    status: str = "free"
    appointment: str = ""


@dataclass(slots=True, kw_only=True)
class Appointment(Record):
    """A booking and what became of it; `status` uses the FHIR codes."""

    filler: str
    patient: str
    clinic: str
    practitioner: str
    start: datetime
    minutes: int
    created: datetime
    original_start: datetime
    type: tuple[str, str]
    reason: tuple[str, str]
    visit_number: str = ""
    shares_visit_number: bool = False
    referral: str = ""
    status: str = "booked"
    moves: int = 0
    confirmed_at: datetime | None = None
    cancel_reason: str = ""
    visit: str = ""


@dataclass(slots=True, kw_only=True)
class Stay:
    """Time that a visit spent in one location."""

    location: str
    start: datetime
    end: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Phase:
    """Time that a visit spent in one FHIR status or class."""

    code: str
    start: datetime
    end: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Visit(Record):
    """An encounter from arrival or admission to departure."""

    number: str
    patient: str
    practitioner: str
    reason: tuple[str, str]
    service: str
    appointment: str = ""
    status: str = ""
    main_state: str = ""
    state_since: datetime = LONG_AGO
    statuses: list[Phase] = field(default_factory=list)
    classes: list[Phase] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    waits: dict[str, str] = field(default_factory=dict)
    arrived_at: datetime | None = None
    triaged_at: datetime | None = None
    acuity: str = ""
    roomed_at: datetime | None = None
    admit_at: datetime | None = None
    expected_discharge_at: datetime | None = None
    discharge_ordered_at: datetime | None = None
    discharge_at: datetime | None = None
    disposition: str = ""

    @property
    def klass(self) -> str:
        """Return the current class (v3 ActCode: AMB, EMER, IMP)."""
        return self.classes[-1].code

    @property
    def location(self) -> str:
        """Return the id of the current or last location."""
        return self.stays[-1].location if self.stays else ""

    @property
    def prior_location(self) -> str:
        """Return the id of the location before the current one."""
        return self.stays[-2].location if len(self.stays) > 1 else ""


@dataclass(slots=True, kw_only=True)
class Order(Record):
    """A request: laboratory, imaging, bed or discharge; `flag` is how its result reads (0078)."""

    placer: str
    patient: str
    visit: str
    practitioner: str
    category: str
    code: tuple[str, str, str]
    priority: str
    ordered_at: datetime
    filler: str = ""
    status: str = "active"
    resulted_at: datetime | None = None
    result: str = ""
    flag: str = ""
    reviewed_at: datetime | None = None
    reviewer: str = ""


@dataclass(slots=True, kw_only=True)
class Referral(Record):
    """A referral from outside to one of the clinics."""

    number: str
    placer: str
    patient: str
    clinic: str
    practitioner: str
    organization: str
    priority: str
    reason: tuple[str, str]
    received_at: datetime
    expires_at: datetime
    state: str = "created"
    state_since: datetime = LONG_AGO
    accepted_at: datetime | None = None
    scheduled_at: datetime | None = None
    seen_at: datetime | None = None
    closed_at: datetime | None = None
    appointment: str = ""


@dataclass(slots=True, kw_only=True)
class Task(Record):
    """Work of a service team: cleaning a bed, moving a patient."""

    type: str
    owner: str
    created_at: datetime
    due_at: datetime
    bed: str = ""
    patient: str = ""
    visit: str = ""
    status: str = "requested"
    started_at: datetime | None = None
    completed_at: datetime | None = None
