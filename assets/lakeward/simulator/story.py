"""The event stream's engine: a queue of planned steps, one random source, and who listens.

What the steps do is in `people`, `clinic`, `ward` and `referrals`; how events are written is the
listeners' business. Each listener sees the world right after each event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

from lakeward.simulator.clock import Clock
from lakeward.simulator.events import Event, Kind
from lakeward.simulator.records import LONG_AGO, Person
from lakeward.simulator.state import apply
from lakeward.simulator.world import World

Listener = Callable[[Event], None]
Step = Callable[..., None]
_TRIES = 40


@dataclass
class Story:
    """The state of the telling.

    Attributes:
        world: The hospital as told so far.
        clock: The facility's time.
        rng: The only source of chance.
        start: First delivered day.
        size: Number of people, from which daily volumes follow.
        roster: Ids of the people who may book or fall ill, in order of registration.
        reserve: People who register only while the days run.
        listeners: Who is told of each event.
    """

    world: World
    clock: Clock
    rng: Random
    start: date
    size: int
    roster: list[str] = field(default_factory=list)
    reserve: list[Person] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Step, tuple[Any, ...]]] = field(default_factory=list)
    _now: datetime = LONG_AGO
    _planned: int = 0
    _told: int = 0
    _serials: dict[str, int] = field(default_factory=dict)
    _blocks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plan(self, at: datetime, step: Step, *args: Any) -> None:
        """Do `step(story, at, *args)` when the story reaches `at`; the past means now."""
        self._planned += 1
        heappush(self._queue, (max(self.clock.settled(at), self._now), self._planned, step, args))

    def run(self, until: datetime) -> None:
        """Tell the story up to, not including, `until`."""
        while self._queue and self._queue[0][0] < until:
            self._now, _, step, args = heappop(self._queue)
            step(self, self._now, *args)

    def emit(self, kind: Kind, at: datetime, **facts: Any) -> None:
        """Add one event to the stream: the world changes, then the listeners hear of it."""
        self._told += 1
        event = Event(number=self._told, at=at, kind=kind, **facts)
        apply(self.world, event)
        for listener in self.listeners:
            listener(event)

    def serial(self, series: str, first: int = 1) -> int:
        """Give the next number of a series."""
        self._serials[series] = self._serials.get(series, first - 1) + 1
        return self._serials[series]

    def later(self, at: datetime, low: float, high: float) -> datetime:
        """Give an instant `low` to `high` minutes after `at`."""
        return at + timedelta(seconds=round(self.rng.uniform(low, high) * 60))

    def moment(self, day: date, opens: float, closes: float) -> datetime:
        """Give an instant of `day` between two local hours."""
        return self.later(self.clock.at(day, opens * 60), 0, (closes - opens) * 60)

    def count(self, mean: float) -> int:
        """Give a whole number whose mean is `mean`."""
        return int(mean) + (self.rng.random() < mean % 1)

    def chance(self, share: float) -> bool:
        """Tell yes in `share` of the cases."""
        return self.rng.random() < share

    def one_in(self, series: str, block: int) -> bool:
        """Tell yes exactly once in every `block` asks of a series, at a random place."""
        asked, chosen = self._blocks.get(series, (block, 0))
        if asked == block:
            asked, chosen = 0, self.rng.randrange(block)
        self._blocks[series] = (asked + 1, chosen)
        return asked == chosen

    def visit_number(self) -> str:
        """Give the next visit number."""
        return f"V{self.serial('visit', 700001)}"

    def pick(self, fits: Callable[[Person], bool]) -> Person | None:
        """Give a person from the roster that fits, or nobody when chance finds none."""
        for _ in range(_TRIES if self.roster else 0):
            person = self.world.people[self.rng.choice(self.roster)]
            if person.active and not person.deceased_at and fits(person):
                return person
        return None

    def weighted(self, choices: Sequence[tuple[Any, float]]) -> Any:
        """Give one of the choices by weight."""
        values, weights = zip(*choices, strict=True)
        return self.rng.choices(values, weights)[0]
