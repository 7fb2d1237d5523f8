"""What is known of a patient beside visits and orders: plain records, one class per kind of fact.

As in `hospital_records`, only the folds change them, and all instants are in UTC.
"""

from dataclasses import dataclass
from datetime import datetime

from lakeward.simulator.hospital_records import LONG_AGO, Record


@dataclass(slots=True, kw_only=True)
class Fact(Record):
    """What somebody stated about a patient, and when first.

    Whoever answered, ended or reviewed it did so at `changed_at`.
    """

    patient: str
    stated_at: datetime = LONG_AGO
    changed_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Insurance(Fact):
    """A cover of a patient; `in_force` is the payer's last answer: true, false, queued or empty."""

    payer: str
    plan: str
    member: str
    begins: datetime
    ends: datetime | None = None
    status: str = "active"
    in_force: str = ""


@dataclass(slots=True, kw_only=True)
class Authorisation(Fact):
    """What a payer allows for a referral; `decision` is a review action (X12 306)."""

    number: str
    payer: str
    service: str
    units: int
    begins: datetime
    ends: datetime
    decision: str = "A4"


@dataclass(slots=True, kw_only=True)
class Allergy(Fact):
    """A substance that a patient does not tolerate."""

    substance: tuple[str, str]
    type: str
    category: str
    criticality: str
    severity: str
    status: str = "active"
    verification: str = "confirmed"


@dataclass(slots=True, kw_only=True)
class Prescription(Fact):
    """A drug that a patient is to take from a visit on."""

    visit: str
    practitioner: str
    drug: tuple[str, str]
    ends: datetime
    status: str = "active"


@dataclass(slots=True, kw_only=True)
class Acuity(Fact):
    """How urgent a visit is by triage: 1 to 5 of the Emergency Severity Index."""

    visit: str
    level: str


@dataclass(slots=True, kw_only=True)
class Review(Fact):
    """A clinician has looked at the result of an order."""

    order: str
    reviewer: str


@dataclass(slots=True, kw_only=True)
class IntakeForm(Fact):
    """A form that a patient fills in at the desk."""

    visit: str
    form: str
    status: str


@dataclass(slots=True, kw_only=True)
class Notice(Fact):
    """A message to a patient about an appointment; `reason` is why it was not sent."""

    appointment: str
    medium: str
    status: str = "completed"
    reason: str = ""
    received_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Reply(Fact):
    """What a patient last answered to an appointment in the portal."""

    appointment: str
    answer: str
