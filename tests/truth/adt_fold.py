"""Folds an HL7 v2 ADT stream into visits, stays in beds and merges, in plain Python.

Written from the standard (HL7 v2 chapter 3) and from what the stream says, without looking at how
Lakeward does it: no import but the standard library, no file of the project. It serves as the
second opinion on the canonical store.

What is read so, and why:

- An event happened at PV1-44 (A01, A04), PV1-45 (A03), else at EVN-6, else at EVN-2, else at MSH-7.
  A cancel happened at EVN-2: its EVN-6 is the time of what it cancels (2.5.1, EVN-6). Events apply
  in the order in which they happened, those of one instant in the order of the stream.
- A cancel makes its event undone: a cancelled admission is no stay, a cancelled transfer never left
  the first bed, a cancelled discharge left no gap.
- A09 with PV1-42 and without PV1-11 puts the patient "in transit": neither at the old place nor at
  the new one, until A10 names the new one in PV1-3 (3.3.9, 3.3.10). PV1-11 is a temporary place:
  the bed is kept.
- A17 names two patients, each with the bed the patient has now.
- A merge (A34, A40) makes PID-3 the survivor of MRG-1; the visits follow.
- A message without visit number is about the patient's visit that it can be about: A03 ends the
  inpatient visit that is open, before any other; A13 opens the one that ended last; A05 and A14
  plan an admission, which A01 begins and A27 or A38 cancels.
- A second discharge without a cancel corrects the first: the patient left when the last one says.
- An outpatient or emergency visit of which no message says anything for seven days is closed, and
  its bed with it; nobody says that an inpatient left.
- The class is what the registration says, in a message that names the visit by number. What a
  cancel, a deletion or a message without number carries there is no class of that visit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Segment = list[str]
CLASSES = {"I": "IMP", "O": "AMB", "E": "EMER", "OUTPATIENT": "AMB", "INPATIENT": "IMP"}
CANCELS = {"A11": ("A01", "A04"), "A12": ("A02",), "A13": ("A03",), "A25": ("A16",)}
SILENCE = timedelta(days=7)
NO_VISIT = {"A08", "A15", "A26", "A28", "A31", "A34", "A40"}
"""Triggers that change neither the state nor the bed of a visit."""


@dataclass(frozen=True)
class Event:
    """What one message says of one patient."""

    trigger: str
    at: datetime
    number: int
    mrn: str
    visit: str
    visit_class: str
    bed: tuple[str, ...]
    prior: str
    cancelled_at: datetime | None
    pending: bool
    temporary: bool


@dataclass(frozen=True)
class Stay:
    """A time in a bed; `until` is none as long as it lasts."""

    bed: tuple[str, ...]
    visit: str
    since: datetime
    until: datetime | None


@dataclass
class Visit:
    """A visit and the events that count for it."""

    number: str
    mrn: str
    events: list[Event] = field(default_factory=list)
    silent_since: datetime | None = None

    def last(self, *triggers: str) -> Event | None:
        """Return the last event of these triggers."""
        return next((e for e in reversed(self.events) if e.trigger in triggers), None)

    @property
    def state(self) -> str:
        """Say where the visit stands."""
        if self.last("A23"):
            return "entered_in_error"
        if self.last("A03"):
            return "discharged"
        if not (began := self.last("A01", "A04")):
            return "cancelled"
        if self.last("A16"):
            return "discharge_ordered"
        if began.trigger == "A01":
            return "admitted"
        return "closed" if self.closed_at else "arrived"

    @property
    def closed_at(self) -> datetime | None:
        """Return when an outpatient of whom nothing was heard any more counts as gone."""
        open_ = self.last("A04") and not self.last("A01", "A03", "A16", "A23")
        return self.silent_since + SILENCE if open_ and self.silent_since else None

    @property
    def visit_class(self) -> str:
        """Return the class of the last message that registers the visit by its number."""
        stated = [e.visit_class for e in self.events if e.visit and e.trigger != "A23"]
        return stated[-1] if stated else ""

    def time_of(self, *triggers: str) -> datetime | None:
        """Return when the last event of these triggers happened."""
        event = self.last(*triggers)
        return event.at if event and self.state != "entered_in_error" else None

    def stays(self) -> Iterator[Stay]:
        """Yield the times in beds, in order."""
        if self.state in ("cancelled", "entered_in_error"):
            return
        bed: tuple[str, ...] = ()
        since, left = self.events[0].at, self.last("A03")
        for event in self.events:
            to = _bed_after(event, bed)
            if event.trigger == "A03" and event is not left:
                continue
            if to != bed:
                if bed:
                    yield Stay(bed, self.number, since, event.at)
                bed, since = to, event.at
        if bed:
            yield Stay(bed, self.number, since, self.closed_at)


@dataclass(frozen=True)
class Census:
    """What the stream says in the end."""

    visits: dict[str, Visit]
    merges: dict[str, str]
    planned: set[str]

    def survivor(self, mrn: str) -> str:
        """Follow the merges of a patient to the end."""
        while mrn in self.merges:
            mrn = self.merges[mrn]
        return mrn

    def stays(self) -> list[Stay]:
        """List all times in beds."""
        return [stay for visit in self.visits.values() for stay in visit.stays()]


def read_messages(stream: bytes) -> Iterator[list[Segment]]:
    """Yield the messages of a stream as segments of fields; MSH-1 counts as a field."""
    message: list[Segment] = []
    for line in stream.decode("latin-1").replace("\n", "\r").split("\r"):
        fields = line.split("|")
        if fields[0] == "MSH":
            if message:
                yield message
            message, fields = [], ["MSH", "|", *fields[1:]]
        if line:
            message.append(fields)
    if message:
        yield message


def fold(stream: bytes, until: datetime) -> Census:
    """Fold a stream into the census of a moment."""
    events = [
        event
        for number, message in enumerate(read_messages(stream))
        if _get(message[0], 9).startswith("ADT^")
        for event in _events(number, message)
    ]
    events.sort(key=lambda event: (event.at, event.number))
    census = Census({}, {e.prior: e.mrn for e in events if e.prior}, set())
    for event in events:
        if event.trigger not in NO_VISIT:
            _apply(census, event)
    for number, heard in _last_heard(stream).items():
        visit = census.visits.get(number)
        if visit and visit.visit_class in ("AMB", "EMER") and heard + SILENCE <= until:
            visit.silent_since = heard
    return census


def _last_heard(stream: bytes) -> dict[str, datetime]:
    """Return when any message last named each visit, orders and results among them."""
    heard: dict[str, datetime] = {}
    for message in read_messages(stream):
        for segment in message:
            number = _get(segment, 19).split("^")[0] if segment[0] == "PV1" else ""
            if number:
                at = _time(_get(message[0], 7))
                heard[number] = max(at, heard.get(number, at))
    return heard


def _apply(census: Census, event: Event) -> None:
    """Apply one event to the visit that it is about."""
    mrn = census.survivor(event.mrn)
    if event.trigger in ("A05", "A14"):
        census.planned.add(mrn)
    if event.trigger in ("A27", "A38", "A01"):
        census.planned.discard(mrn)
    if event.trigger in ("A05", "A14", "A27", "A38"):
        return
    visit = _visit_of(census, event, mrn)
    if event.trigger in CANCELS:
        undone = [e for e in visit.events if e.trigger in CANCELS[event.trigger]]
        named = [e for e in undone if e.at == event.cancelled_at]
        visit.events.remove((named or undone)[-1])
    else:
        visit.events.append(event)


def _visit_of(census: Census, event: Event, mrn: str) -> Visit:
    """Return the visit that a message names, or else the one that it can be about."""
    if event.visit:
        return census.visits.setdefault(event.visit, Visit(event.visit, mrn))
    mine = [v for v in census.visits.values() if census.survivor(v.mrn) == mrn]
    if event.trigger == "A13":
        ended = [v for v in mine if v.state == "discharged"]
        return max(ended, key=lambda visit: visit.events[-1].at)
    open_ = [v for v in mine if v.state not in ("discharged", "cancelled", "entered_in_error")]
    return max(open_, key=lambda visit: (visit.visit_class == "IMP", visit.events[0].at))


def _events(number: int, message: list[Segment]) -> Iterator[Event]:
    """Yield what a message says, once for each patient (A17 has two)."""
    header, trigger = message[0], _get(message[0], 9).split("^")[1]
    first = {segment[0]: segment for segment in reversed(message)}
    evn, mrg = first.get("EVN", []), first.get("MRG", [])
    patients = [segment for segment in message if segment[0] == "PID"]
    visits = [segment for segment in message if segment[0] == "PV1"] or [[]]
    for pid, pv1 in zip(patients, visits, strict=True):
        cancel = trigger in CANCELS or trigger in ("A26", "A27", "A38")
        own = {"A01": 44, "A04": 44, "A03": 45}.get(trigger)
        times = (_get(pv1, own) if own else "", "" if cancel else _get(evn, 6), _get(evn, 2))
        yield Event(
            trigger=trigger,
            at=_time(next(filter(None, times), _get(header, 7))),
            number=number,
            mrn=_get(pid, 3).split("~")[0].split("^")[0],
            visit=_get(pv1, 19).split("^")[0],
            visit_class=CLASSES.get(_get(pv1, 2), _get(pv1, 2)),
            bed=tuple(_get(pv1, 3).split("^")[:4]),
            prior=_get(mrg, 1).split("^")[0],
            cancelled_at=_time(_get(evn, 6)) if cancel and _get(evn, 6) else None,
            pending=bool(_get(pv1, 42)),
            temporary=bool(_get(pv1, 11)),
        )


def _bed_after(event: Event, bed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bed of the patient after an event."""
    if event.trigger == "A03":
        return ()
    if event.trigger in ("A09", "A10") and event.temporary:
        return bed
    if event.trigger == "A09" and event.pending:
        return ()
    moves = event.trigger in ("A01", "A02", "A04", "A09", "A10", "A17")
    return event.bed if moves and any(event.bed) else bed


def _get(segment: Segment, index: int) -> str:
    return segment[index] if index < len(segment) else ""


def _time(text: str) -> datetime:
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 (the hospital's own time)
