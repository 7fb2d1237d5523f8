"""The engine of the event stream: a queue of planned steps, one random source, and listeners.

What the steps do is in `people`, `clinic`, `ward` and `referrals`; how events are written is up to
the listeners. Each listener sees the world right after each event.

Steps run in the order of their time, and steps of one time in the order in which they were planned.
With one random source, that order alone decides what chance brings: the same seed, the same story.
Facts beside the story draw from streams of their own and leave it as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

from lakeward.simulator.event_fold import apply
from lakeward.simulator.events import Event, EventKind
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.hospital_records import LONG_AGO, Person
from lakeward.simulator.world import World

Listener = Callable[[Event], None]
Step = Callable[..., None]
_TRIES = 40
"""Draws of `pick` before it gives up: the cost stays flat however many people do not fit."""


@dataclass
class Story:
    """A story and how far it has come.

    Attributes:
        world: The hospital at this moment.
        clock: The facility's time.
        rng: The source of chance, but for what is known beside visits and orders (`stream`).
        start: First delivered day.
        size: Number of people, from which daily volumes follow.
        seed: What the streams of chance are drawn from.
        roster: Ids of the people who may book or fall ill, in order of registration.
        reserve: People who register only while the days run.
        listeners: Functions that are called with each event.
    """

    world: World
    clock: FacilityClock
    rng: Random
    start: date
    size: int
    seed: str
    roster: list[str] = field(default_factory=list)
    reserve: list[Person] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Step, tuple[Any, ...]]] = field(default_factory=list)
    _now: datetime = LONG_AGO
    _planned: int = 0
    _emitted: int = 0
    _serials: dict[str, int] = field(default_factory=dict)
    _blocks: dict[str, tuple[int, int]] = field(default_factory=dict)
    _streams: dict[str, Random] = field(default_factory=dict)

    def plan(self, at: datetime, step: Step, *args: Any) -> None:
        """Call `step(story, at, *args)` when the story reaches `at`; the past means now."""
        self._planned += 1
        # the number stands before the step: steps of one time have an order, and are never compared
        heappush(
            self._queue, (max(self.clock.unambiguous(at), self._now), self._planned, step, args)
        )

    def run(self, until: datetime) -> None:
        """Run the planned steps up to, not including, `until`."""
        while self._queue and self._queue[0][0] < until:
            self._now, _, step, args = heappop(self._queue)
            step(self, self._now, *args)

    def emit(self, kind: EventKind, at: datetime, **facts: Any) -> None:
        """Add one event to the stream: the world changes, then the listeners are called."""
        self._emitted += 1
        event = Event(number=self._emitted, at=at, kind=kind, **facts)
        # first the world, then the listeners: a message states what is true after its event
        apply(self.world, event)
        for listener in self.listeners:
            listener(event)

    def serial(self, series: str, first: int = 1) -> int:
        """Return the next number of a series."""
        self._serials[series] = self._serials.get(series, first - 1) + 1
        return self._serials[series]

    def stream(self, kind: str) -> Random:
        """Return the chance of one kind of fact: draws from it change nothing else."""
        if kind not in self._streams:
            self._streams[kind] = Random(f"{self.seed}|{kind}")
        return self._streams[kind]

    def later(self, at: datetime, low: float, high: float) -> datetime:
        """Return an instant `low` to `high` minutes after `at`, to the second."""
        return at + timedelta(seconds=round(self.rng.uniform(low, high) * 60))

    def moment(self, day: date, opens: float, closes: float) -> datetime:
        """Return an instant of `day` between two hours of the facility's clock."""
        return self.later(self.clock.at(day, opens * 60), 0, (closes - opens) * 60)

    def count(self, mean: float) -> int:
        """Return a whole number whose mean is `mean`: 2.3 is 3 in three of ten cases, else 2."""
        return int(mean) + (self.rng.random() < mean % 1)

    def chance(self, share: float) -> bool:
        """Return true in `share` of the cases."""
        return self.rng.random() < share

    def one_in(self, series: str, block: int) -> bool:
        """Return true exactly once in every `block` calls for a series, at a random one of them.

        A share by `chance` would wander in a small hospital; rules about rates need a steady one.
        """
        asked, chosen = self._blocks.get(series, (block, 0))
        if asked == block:
            asked, chosen = 0, self.rng.randrange(block)
        self._blocks[series] = (asked + 1, chosen)
        return asked == chosen

    def visit_number(self) -> str:
        """Return the next visit number."""
        return f"V{self.serial('visit', 700001)}"

    def pick(self, fits: Callable[[Person], bool]) -> Person | None:
        """Return an active person from the roster who fits, or None if chance finds nobody."""
        for _ in range(_TRIES if self.roster else 0):
            person = self.world.people[self.rng.choice(self.roster)]
            if person.active and not person.deceased_at and fits(person):
                return person
        return None

    def weighted(self, choices: Sequence[tuple[Any, float]]) -> Any:
        """Return one of the choices, each as likely as its weight."""
        values, weights = zip(*choices, strict=True)
        return self.rng.choices(values, weights)[0]
