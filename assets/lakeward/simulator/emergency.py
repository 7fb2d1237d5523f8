"""The emergency department: arrival, triage, bay, tests, and home or onto a ward."""

from datetime import date, datetime, timedelta

from lakeward.simulator import ward
from lakeward.simulator.events import EventKind
from lakeward.simulator.hospital import ED
from lakeward.simulator.hospital_records import Visit
from lakeward.simulator.orders import SNOMED, draw_order, order_test
from lakeward.simulator.story import Story

BED_ORDER = (SNOMED, "305056002", "Admission procedure")
_ARRIVALS = 0.03
"""For each person and day; far above a real rate, so that small hospitals have a busy ED."""
_ADMITTED = 0.35
"""Share of those seen; real departments admit fewer, but boarding is what the metrics are about."""
_WALKS_OUT = 0.03
"""Share that leaves without being seen (LWBS)."""
_TESTED = 0.7
_RETRY_BAY, _RETRY_BED = timedelta(minutes=20), timedelta(minutes=45)
"""Pauses until somebody looks again for a free bay or bed."""
_REASONS = (
    ("R07.4", "Chest pain"),
    ("R10.9", "Abdominal pain"),
    ("S93.4", "Ankle sprain"),
    ("R51", "Headache"),
)
# begin of a third of a shift, with the weight of arrivals in its three hours
_HOURS = ((0, 2), (6, 3), (9, 6), (12, 6), (15, 6), (18, 6), (21, 4))


def plan_arrivals(story: Story, day: date) -> None:
    """Plan the arrivals of one day."""
    for _ in range(story.count(story.size * _ARRIVALS)):
        hour = story.weighted(_HOURS)
        story.plan(story.moment(day, hour, hour + 3), _arrive)


def _arrive(story: Story, at: datetime) -> None:
    person = story.pick(lambda p: not p.visit and not p.merged_into)
    if person is None:
        return
    number = story.visit_number()
    visit = Visit(
        id=f"enc-{number[1:]}",
        number=number,
        patient=person.id,
        practitioner=story.rng.choice(story.world.hospital.staff[ED]).id,
        reason=story.rng.choice(_REASONS),
        service=ED,
    )
    facts = {"patient": person.id, "visit": visit.id}
    story.emit(EventKind.ARRIVED, at, **facts, location=ED, code="EMER", created=visit)
    story.plan(story.later(at, 3, 25), _triage, visit.id)


def _triage(story: Story, at: datetime, visit: str) -> None:
    story.emit(EventKind.TRIAGED, at, patient=story.world.visits[visit].patient, visit=visit)
    if story.chance(_WALKS_OUT):
        story.plan(story.later(at, 60, 180), _go, visit, "LWBS")
    else:
        story.plan(story.later(at, 4, 90), _room, visit)


def _room(story: Story, at: datetime, visit: str) -> None:
    bay = ward.free_bed(story, story.world.hospital.ed_bays)
    # looks again later and does not queue: who waits longest need not be the next
    if not bay:
        story.plan(at + _RETRY_BAY, _room, visit)
        return
    patient = story.world.visits[visit].patient
    story.emit(EventKind.ROOMED, at, patient=patient, visit=visit, location=bay)
    if story.chance(_TESTED):
        story.plan(story.later(at, 10, 40), order_test, visit, 30, 110)
    if story.chance(_ADMITTED):
        story.plan(story.later(at, 60, 240), _decide_admission, visit)
    else:
        story.plan(story.later(at, 60, 240), _go, visit, "01")


def _decide_admission(story: Story, at: datetime, visit: str) -> None:
    order = draw_order(story, at, visit, "bed", BED_ORDER)
    facts = {"patient": order.patient, "visit": visit, "order": order.id}
    story.emit(EventKind.ADMIT_DECISION, at, **facts, created=order)
    story.plan(story.later(at, 30, 280), _find_bed, visit, order.id)


def _find_bed(story: Story, at: datetime, visit: str, order: str) -> None:
    bed = ward.free_bed(story, story.world.hospital.ward_beds)
    if bed:
        ward.admit(story, at, story.world.visits[visit], bed, order=order)
    else:
        story.plan(at + _RETRY_BED, _find_bed, visit, order)


def _go(story: Story, at: datetime, visit: str, disposition: str) -> None:
    found = story.world.visits[visit]
    left = found.location
    story.emit(EventKind.DEPARTED, at, patient=found.patient, visit=visit, code=disposition)
    if story.world.location(left).bed:
        ward.vacated(story, at, left)
