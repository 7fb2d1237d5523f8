"""The vocabulary of the story: every change in the hospital is one `Event`.

An event says what happened, when and to what. How it changes the hospital is in `event_fold`, why
it happens in `clinic`, `emergency`, `ward`, `referrals`, `people` and `facts`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lakeward.simulator.hospital_records import Record


class EventKind(StrEnum):
    """What can happen; names are those of `seeds/event_type.csv` where it has one."""

    PERSON_REGISTERED = "person_registered"
    PERSON_UPDATED = "person_updated"
    PERSON_DEACTIVATED = "person_deactivated"
    CONSENT_DECIDED = "consent_decided"
    IDENTITY_MERGE = "identity_merge"
    SLOTS_OPENED = "slots_opened"
    APPOINTMENT_BOOKED = "appointment_booked"
    APPOINTMENT_RESCHEDULED = "appointment_rescheduled"
    APPOINTMENT_MODIFIED = "appointment_modified"
    APPOINTMENT_CONFIRMED = "appointment_confirmed"
    APPOINTMENT_CANCELLED = "appointment_cancelled"
    APPOINTMENT_NO_SHOW = "appointment_no_show"
    ARRIVED = "arrived"
    CHECKED_IN = "checked_in"
    TRIAGED = "triaged"
    ROOMED = "roomed"
    ADMIT_DECISION = "admit_decision"
    ADMITTED = "admitted"
    ADMIT_CANCELLED = "admit_cancelled"
    TRANSFER = "transfer"
    VISIT_UPDATED = "visit_updated"
    DISCHARGE_ORDERED = "discharge_ordered"
    DEPARTED = "departed"
    BED_STATUS = "bed_status"
    BED_DIRTY = "bed_dirty"
    BED_CLEAN_STARTED = "bed_clean_started"
    BED_CLEAN = "bed_clean"
    ORDER_PLACED = "order_placed"
    ORDER_RESULTED = "order_resulted"
    ORDER_CANCELLED = "order_cancelled"
    REFERRAL_CREATED = "referral_created"
    REFERRAL_ACCEPTED = "referral_accepted"
    REFERRAL_DECLINED = "referral_declined"
    TASK_CREATED = "task_created"
    TASK_STARTED = "task_started"
    TASK_COMPLETED = "task_completed"
    FACT_STATED = "fact_stated"
    FACT_CHANGED = "fact_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change in the hospital.

    Attributes:
        number: Position in the stream, from 1.
        at: When it happened (UTC).
        kind: What happened.
        patient: Id of the person, or of the surviving person of a merge.
        visit: Id of the visit.
        appointment: Id of the appointment.
        location: Id of the location entered, or of the bed whose status changed.
        order: Id of the order.
        referral: Id of the referral.
        task: Id of the task.
        code: A reason, disposition, bed status, retired patient, practitioner or fact.
        when: A new start, an expected discharge or the day that slots are opened for.
        changes: Attribute and new value of an updated record; an empty value clears.
        created: The record that begins with this event, in its first state.
    """

    number: int
    at: datetime
    kind: EventKind
    patient: str = ""
    visit: str = ""
    appointment: str = ""
    location: str = ""
    order: str = ""
    referral: str = ""
    task: str = ""
    code: str = ""
    when: datetime | None = None
    changes: tuple[tuple[str, str], ...] = ()
    created: Record | None = None
