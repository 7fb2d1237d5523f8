"""The beginning of a story and the plan of each day.

A story begins `people.HISTORY_DAYS` before the first delivered day, so that the first export has
appointments, patients in beds and open referrals, as a real hospital's would.
"""

from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from lakeward.simulator import clinic, emergency, facts, people, referrals, ward
from lakeward.simulator.facility_clock import FacilityClock, is_working
from lakeward.simulator.hospital import build_hospital
from lakeward.simulator.story import Story
from lakeward.simulator.world import World


def open_story(patients: int, start: date, seed: int, zone: str) -> Story:
    """Return a story whose people are registered and whose hospital opens before `start`."""
    # a text seeds by its bytes; `hash()` of one would differ from process to process
    source = f"lakeward|{seed}|{patients}|{start}"
    rng = Random(source)
    clock = FacilityClock(ZoneInfo(zone))
    world = World(build_hospital(rng, patients))
    story = Story(world=world, clock=clock, rng=rng, start=start, size=patients, seed=source)
    story.listeners.append(partial(facts.follow, story))
    opening = start - timedelta(days=people.HISTORY_DAYS)
    # beds and clinicians are older than the oldest registration (`populate`: 400 days before)
    _furnish(story, clock.at(opening - timedelta(days=500)))
    people.populate(story)
    dawn = clock.at(opening, 5)
    story.plan(dawn, ward.open_beds)
    # later days open one by one, each HORIZON_DAYS ahead, see `_plan_day`
    for ahead in range(clinic.HORIZON_DAYS):
        story.plan(dawn, clinic.open_slots, opening + timedelta(days=ahead))
    for day in range(people.HISTORY_DAYS):
        story.plan(clock.at(opening + timedelta(days=day)), _plan_day)
    return story


def simulate_day(story: Story, day: date) -> None:
    """Run the story to the end of `day`."""
    story.plan(story.clock.at(day), _plan_day)
    story.run(story.clock.at(day + timedelta(days=1)))


def _furnish(story: Story, at: datetime) -> None:
    hospital = story.world.hospital
    for group in (hospital.organizations, hospital.locations, hospital.practitioners):
        for record in group.values():
            story.world.touch(record, at)


def _plan_day(story: Story, at: datetime) -> None:
    day = story.clock.day(at)
    clinic.open_slots(story, at, day + timedelta(days=clinic.HORIZON_DAYS))
    emergency.plan_arrivals(story, day)
    if is_working(day):
        people.plan_changes(story, day)
        clinic.plan_bookings(story, day)
        referrals.plan_referrals(story, day)
        ward.plan_electives(story, day)
