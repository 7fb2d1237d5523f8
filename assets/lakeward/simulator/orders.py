"""Tests that are ordered and resulted; bed and discharge orders belong to `ward`."""

from datetime import datetime

from lakeward.simulator.events import EventKind
from lakeward.simulator.hospital_records import Order
from lakeward.simulator.story import Story

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
_TESTS = (
    (("lab", (LOINC, "24323-8", "Comprehensive metabolic panel")), 5),
    (("lab", (LOINC, "58410-2", "Complete blood count")), 5),
    (("imaging", (LOINC, "36643-5", "Chest X-ray 2 views")), 2),
    (("imaging", (LOINC, "24725-4", "CT Head")), 1),
)
_CANCELLED = 0.05
"""Share of tests that are cancelled instead of resulted."""
_FLAGS = ((3.4, "LL"), (3.5, "L"), (5.1, "N"), (5.5, "H"))
"""Flags (table 0078) of potassium below each limit, in mmol/L; critically high from the last on.
Far more often critical than in reality, so that small hospitals have a result worth a call."""
_STAT = 0.5
"""Share of orders of the emergency department that are urgent."""


def draw_order(
    story: Story, at: datetime, visit: str, category: str, code: tuple[str, str, str]
) -> Order:
    """Build an order for a visit; the caller emits the event with which it begins."""
    found = story.world.visits[visit]
    number = story.serial("order", 500001)
    urgent = found.klass == "EMER"
    return Order(
        id=f"order-{number}",
        placer=f"OR{number}",
        patient=found.patient,
        visit=visit,
        practitioner=found.practitioner,
        category=category,
        code=code,
        priority="stat" if urgent and story.chance(_STAT) else "routine",
        ordered_at=at,
    )


def order_test(story: Story, at: datetime, visit: str, low: float, high: float) -> None:
    """Order a test and plan its result `low` to `high` minutes later."""
    # planned when the visit began: the patient may have left meanwhile
    if story.world.visits[visit].status == "finished":
        return
    category, code = story.weighted(_TESTS)
    order = draw_order(story, at, visit, category, code)
    facts = {"patient": order.patient, "visit": visit, "order": order.id}
    story.emit(EventKind.ORDER_PLACED, at, **facts, created=order)
    story.plan(story.later(at, low, high), _finish, order.id)


def _finish(story: Story, at: datetime, order: str) -> None:
    found = story.world.orders[order]
    facts = {"patient": found.patient, "visit": found.visit, "order": order}
    if story.chance(_CANCELLED):
        story.emit(EventKind.ORDER_CANCELLED, at, **facts)
    else:
        # the filler numbers an order only when it takes it on: until then only
        # the placer's number is known
        filler = f"FL{story.serial('filler', 900001)}"
        lab = found.category == "lab"
        value = f"{story.rng.uniform(3.2, 5.6):.1f}" if lab else "No acute finding"
        # a picture is described, and its description flagged by nobody
        changes = (("filler", filler), ("flag", _flag(value) if lab else ""))
        story.emit(EventKind.ORDER_RESULTED, at, **facts, code=value, changes=changes)


def _flag(value: str) -> str:
    return next((flag for limit, flag in _FLAGS if float(value) < limit), "HH")
