"""Beds and who lies in them: elective admissions, transfers, discharges, cleaning.

How people come to the emergency department is in `emergency`, which hands over to `admit`.
"""

from datetime import date, datetime, timedelta

from lakeward.simulator.events import EventKind
from lakeward.simulator.hospital import ED, EVS, TRANSPORT
from lakeward.simulator.hospital_records import Task, Visit
from lakeward.simulator.orders import SNOMED, draw_order, order_test
from lakeward.simulator.story import Story

DISCHARGE_ORDER = (SNOMED, "58000006", "Patient discharge")
_ELECTIVE = 0.012
"""Planned admissions, for each person and working day."""
_MISTAKEN = 0.6
"""Share of working days with an admission that is cancelled within the hour (A11)."""
_TRANSFERRED, _RE_ESTIMATED, _TESTED = 0.15, 0.25, 0.7
"""Shares of stays with a transfer, an update of the visit (A08), and a test."""
_EVENING_BEFORE = 0.6
"""Share of discharge orders that are written the evening before, if the patient is here by then."""
_CONTAMINATED = 0.1
"""Share of beds that are left contaminated (K) and not only to be cleaned (H)."""
_STAY_LOG_MEAN, _STAY_LOG_DEVIATION = 1.35, 0.6
"""Days of a stay are log-normal: half stay under four, one in forty over twelve."""
# hour of the planned discharge, with weights: few before noon, which is the usual complaint
_LEAVING_HOURS = ((9.5, 2), (11, 4), (13, 4), (15, 3), (17, 3), (18.5, 4))
_GUESSES = 20
"""Random beds that are looked at before all of them: the cost stays flat in a large hospital."""
_REASONS = (
    ("I50.9", "Heart failure"),
    ("J18.9", "Pneumonia"),
    ("K80.2", "Gallstones"),
    ("S72.0", "Hip fracture"),
)
# HL7 table 0112: home, skilled nursing facility, left against advice, died
_DISPOSITIONS = (("01", 82), ("03", 10), ("07", 4), ("20", 2))
_LAST_CLEANING, _FIRST_CLEANING = 17.5 * 60, 6.5 * 60
"""Minutes of the day. At night one cleaner is there, for the emergency department only: beds that
are left late stay dirty until morning, which the worklist of bed turnover must show."""


def open_beds(story: Story, at: datetime) -> None:
    """Report the status of every bed once, one of them closed for repair."""
    beds = story.world.hospital.ed_bays + story.world.hospital.ward_beds
    for bed in beds:
        # a closed bed must never be on the list of beds to clean, nor be given to anybody
        closed = bed == story.world.hospital.ward_beds[-1]
        story.emit(EventKind.BED_STATUS, at, location=bed, code="C" if closed else "U")


def plan_electives(story: Story, day: date) -> None:
    """Plan the admissions of one working day, and now and then one by mistake."""
    for _ in range(story.count(story.size * _ELECTIVE)):
        story.plan(story.moment(day, 6.5, 11), _elective)
    if story.chance(_MISTAKEN):
        story.plan(story.moment(day, 9, 16), _admit_by_mistake)


def free_bed(story: Story, beds: tuple[str, ...]) -> str:
    """Return the id of a random free bed, empty if there is none."""
    for _ in range(_GUESSES):
        bed = story.rng.choice(beds)
        if story.world.location(bed).status == "U":
            return bed
    return next((b for b in beds if story.world.location(b).status == "U"), "")


def _admit_by_mistake(story: Story, at: datetime) -> None:
    _elective(story, at, mistake=True)


def _elective(story: Story, at: datetime, *, mistake: bool = False) -> None:
    person = story.pick(lambda p: not p.visit and not p.merged_into)
    bed = free_bed(story, story.world.hospital.ward_beds)
    if person is None or not bed:
        return
    number = story.visit_number()
    unit = story.world.location(bed).unit
    visit = Visit(
        id=f"enc-{number[1:]}",
        number=number,
        patient=person.id,
        practitioner=story.rng.choice(story.world.hospital.staff[unit]).id,
        reason=story.rng.choice(_REASONS),
        service=unit,
    )
    admit(story, at, visit, bed, mistake=mistake)


def admit(
    story: Story, at: datetime, visit: Visit, bed: str, *, order: str = "", mistake: bool = False
) -> None:
    """Admit to a bed and plan the stay; a `mistake` is cancelled within the hour."""
    known = visit.id in story.world.visits
    left = visit.location
    leaves = _plan_leave(story, at)
    facts = {"patient": visit.patient, "visit": visit.id, "location": bed, "order": order}
    story.emit(EventKind.ADMITTED, at, **facts, when=leaves, created=None if known else visit)
    if left and story.world.location(left).bed:
        vacated(story, at, left)
    if mistake:
        story.plan(story.later(at, 15, 55), _cancel_admission, visit.id)
        return
    if story.chance(_TRANSFERRED):
        story.plan(story.later(at, 600, 2000), _transfer, visit.id)
    if story.chance(_RE_ESTIMATED):
        story.plan(story.later(at, 700, 1800), _re_estimate, visit.id)
    if story.chance(_TESTED):
        story.plan(story.later(at, 30, 240), order_test, visit.id, 60, 300)
    _plan_order(story, at, visit, leaves)


def _plan_leave(story: Story, at: datetime) -> datetime:
    days = max(1, round(story.rng.lognormvariate(_STAY_LOG_MEAN, _STAY_LOG_DEVIATION)))
    hour = story.weighted(_LEAVING_HOURS)
    day = story.clock.day(at) + timedelta(days=days)
    return story.clock.at(day, hour * 60)


def _plan_order(story: Story, at: datetime, visit: Visit, leaves: datetime) -> None:
    """Plan the discharge order: the evening before, or the same morning."""
    day = story.clock.day(leaves)
    evening = story.moment(day - timedelta(days=1), 16, 20)
    morning = story.moment(day, 7.5, 9)
    ordered = (
        evening if story.chance(_EVENING_BEFORE) and evening > at + timedelta(hours=2) else morning
    )
    story.plan(ordered, _order_discharge, visit.id, leaves)


def _staying(story: Story, visit: str) -> Visit | None:
    found = story.world.visits[visit]
    return found if found.status == "in-progress" else None


def _order_discharge(story: Story, at: datetime, visit: str, leaves: datetime) -> None:
    found = _staying(story, visit)
    if found is None:
        return
    order = draw_order(story, at, visit, "discharge", DISCHARGE_ORDER)
    facts = {"patient": found.patient, "visit": visit, "order": order.id}
    story.emit(EventKind.DISCHARGE_ORDERED, at, **facts, when=leaves, created=order)
    gone = max(story.later(leaves, -40, 150), story.later(at, 40, 90))
    story.plan(gone, _discharge, visit, order.id)


def _discharge(story: Story, at: datetime, visit: str, order: str) -> None:
    found = _staying(story, visit)
    if found is None:
        return
    bed = found.location
    facts = {"patient": found.patient, "visit": visit, "order": order}
    story.emit(EventKind.DEPARTED, at, **facts, code=story.weighted(_DISPOSITIONS))
    vacated(story, at, bed)


def _cancel_admission(story: Story, at: datetime, visit: str) -> None:
    found = story.world.visits[visit]
    story.emit(
        EventKind.ADMIT_CANCELLED, at, patient=found.patient, visit=visit, location=found.location
    )


def _re_estimate(story: Story, at: datetime, visit: str) -> None:
    """Send the visit again: half of these messages change nothing, as real A08 messages do."""
    found = _staying(story, visit)
    if found is None or found.discharge_ordered_at:
        return
    expected = found.expected_discharge_at
    when = expected + timedelta(hours=3) if expected and story.chance(0.5) else None
    story.emit(EventKind.VISIT_UPDATED, at, patient=found.patient, visit=visit, when=when)


def _transfer(story: Story, at: datetime, visit: str) -> None:
    found = _staying(story, visit)
    bed = free_bed(story, story.world.hospital.ward_beds)
    if found is None or not bed or found.discharge_ordered_at:
        return
    task = _task(story, at, "transport", TRANSPORT, 45)
    task.patient, task.visit = found.patient, visit
    facts = {"patient": found.patient, "visit": visit, "task": task.id}
    story.emit(EventKind.TASK_CREATED, at, **facts, created=task)
    story.plan(story.later(at, 5, 20), _start_transport, visit, task.id)


def _start_transport(story: Story, at: datetime, visit: str, task: str) -> None:
    facts = {"patient": story.world.visits[visit].patient, "visit": visit, "task": task}
    story.emit(EventKind.TASK_STARTED, at, **facts)
    story.plan(story.later(at, 6, 18), _move, visit, task)


def _move(story: Story, at: datetime, visit: str, task: str) -> None:
    found = story.world.visits[visit]
    facts = {"patient": found.patient, "visit": visit}
    story.emit(EventKind.TASK_COMPLETED, at, **facts, task=task)
    bed = free_bed(story, story.world.hospital.ward_beds)
    if bed and found.status == "in-progress":
        left = found.location
        story.emit(EventKind.TRANSFER, at, **facts, location=bed)
        vacated(story, at, left)


def vacated(story: Story, at: datetime, bed: str) -> None:
    """Plan the cleaning of a bed that was just left."""
    story.plan(story.later(at, 1, 9), _dirty, bed)


def _task(story: Story, at: datetime, kind: str, owner: str, minutes: int) -> Task:
    number = story.serial("task", 800001)
    due = at + timedelta(minutes=minutes)
    return Task(id=f"task-{number}", type=kind, owner=owner, created_at=at, due_at=due)


def _dirty(story: Story, at: datetime, bed: str) -> None:
    task = _task(story, at, "clean_bed", EVS, 60)
    task.bed = bed
    emergency = story.world.location(bed).unit == ED
    code = "K" if story.chance(_CONTAMINATED) else "H"
    story.emit(EventKind.BED_DIRTY, at, location=bed, code=code, task=task.id, created=task)
    starts = story.later(at, 3, 12) if emergency else _cleaning_start(story, at)
    story.plan(starts, _clean, bed, task.id, 15 if emergency else 45)


def _cleaning_start(story: Story, at: datetime) -> datetime:
    """Wait for the cleaners, who do not work the wards at night."""
    starts = story.later(at, 15, 80)
    minutes = story.clock.minutes(starts)
    day = story.clock.day(starts)
    if minutes >= _LAST_CLEANING:
        return story.moment(day + timedelta(days=1), 6.5, 8)
    return story.moment(day, 6.5, 8) if minutes < _FIRST_CLEANING else starts


def _clean(story: Story, at: datetime, bed: str, task: str, minutes: int) -> None:
    story.emit(EventKind.BED_CLEAN_STARTED, at, location=bed, task=task)
    story.plan(story.later(at, minutes * 0.6, minutes * 1.3), _cleaned, bed, task)


def _cleaned(story: Story, at: datetime, bed: str, task: str) -> None:
    story.emit(EventKind.BED_CLEAN, at, location=bed, task=task, code="U")
