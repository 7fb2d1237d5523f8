"""Root 7: states that hold.

A visit is where the events that happened put it. What is sent again, what was cancelled and what
lies in the future moves nothing; a patient who leaves a bed frees it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from feeds import adt, instant, patient, pid, pv1, resource, stamp
from scenario import ANY_ORDER, COARSE, FIRST, PERMUTABLE, Delivery, Root, Row, Scenario

MORNING = FIRST + timedelta(hours=6)
STEP = timedelta(minutes=35)

QUERY = """
    select left(v.visit_number, 5) as key, v.visit_number, v.main_state, b.bed_label,
        (select count(*) from canonical__bed o where o.current_visit_key = v.visit_key),
        strftime(timezone('America/New_York', v.discharge_at), '%d %H:%M')
    from canonical__visit v left join canonical__bed b using (bed_key)
    where v.visit_number like 'ST%'
    union all
    select substr(b.bed_label, 2, 5), b.bed_label, b.state, v.visit_number,
        case when b.reserved_for_visit_key is null then 0 else 1 end, b.unit
    from canonical__bed b left join canonical__visit v on v.visit_key = b.current_visit_key
    where b.bed_label like 'BST%'
    union all
    select left(v.visit_number, 5), 'stay', b.bed_label,
        strftime(timezone('America/New_York', s.start_at), '%d %H:%M'),
        case when s.end_at is null then 0 else 1 end,
        strftime(timezone('America/New_York', s.end_at), '%d %H:%M')
    from canonical__bed_stay s join canonical__visit v using (visit_key)
    join canonical__bed b on b.bed_key = s.bed_key
    where v.visit_number like 'ST%'
"""


def _visit_row(
    number: str, state: str, bed: str = "", discharged: datetime | None = None
) -> tuple[str | None, ...]:
    label = bed.replace("^", "-") or None
    left = discharged.strftime("%d %H:%M") if discharged else None
    return (number, state, label, str(int(bool(bed))), left)


def _bed_row(
    bed: str, state: str, visit: str | None = None, reserved: int = 0, unit: str = ""
) -> Row:
    return (bed.replace("^", "-"), state, visit, str(reserved), unit or bed.split("^")[0])


def _stay_row(bed: str, since: datetime, until: datetime | None = None) -> Row:
    end = until.strftime("%d %H:%M") if until else None
    return ("stay", bed.replace("^", "-"), since.strftime("%d %H:%M"), str(int(bool(until))), end)


@dataclass
class Walk:
    """A visit that really happens, step by step, with what is sent of it."""

    key: str
    random: Random
    now: datetime = MORNING
    state: str = ""
    bed: str = ""
    began: datetime = MORNING
    discharged: datetime | None = None
    undo: list[tuple[str, datetime, str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    first: tuple[str, str, str] = ("", "", "")
    steps: list[str] = field(default_factory=list)
    path: list[tuple[str, datetime]] = field(default_factory=list)

    def run(self) -> None:
        """Walk a few steps."""
        self.begin()
        for _ in range(self.random.randint(1, 6)):
            options = STEPS.get(self.state, ())
            allowed = [s for s in options if s not in ("A12", "A11", "A13") or self.undoes(s)]
            if not allowed:
                break
            self.now += STEP
            self.step(self.random.choice(allowed))

    def undoes(self, cancel: str) -> bool:
        """Say whether the last event can be cancelled so."""
        return bool(self.undo) and self.undo[-1][0] in CANCELS[cancel]

    def begin(self) -> None:
        """Register or admit the patient."""
        trigger = self.random.choice(("A04", "A01"))
        self.first = (trigger, "E" if trigger == "A04" else "I", self.new_bed())
        self.happen(trigger, "arrived" if trigger == "A04" else "admitted", self.first[2])

    def new_bed(self) -> str:
        """Name a bed that nobody had."""
        return f"W{self.key}^R{len(self.messages)}^A"

    def happen(self, trigger: str, state: str, bed: str, evn: str = "", **fields: str) -> None:
        """Let an event happen, and send it."""
        if trigger in ("A01", "A02", "A03", "A04"):
            self.undo.append((trigger, self.now, self.state, self.bed))
            self.path.append((bed, self.now))
        if trigger in ("A01", "A04"):
            self.began = self.now
        self.state, self.bed = state, bed
        self.send(trigger, bed, evn, **fields)

    def send(self, trigger: str, bed: str, evn: str = "", **fields: str) -> None:
        """Send a message about the visit."""
        visit_class = "E" if self.state == "arrived" else "I"
        own = {"p44": stamp(self.began)} | fields
        self.steps.append(trigger)
        self.messages.append(
            adt(
                trigger,
                self.now,
                pid(f"{self.key}P"),
                pv1(self.key, visit_class, bed, **own),
                evn=evn,
            )
        )

    def stays(self) -> tuple[Row, ...]:
        """Return the rows of the times in beds."""
        ends = [at for _, at in self.path[1:]] + [None]
        return tuple(
            _stay_row(bed, since, until)
            for (bed, since), until in zip(self.path, ends, strict=False)
            if bed
        )

    def step(self, step: str) -> None:
        """Take one step."""
        if step in CANCELS:
            _, at, state, bed = self.undo.pop()
            self.path.pop()
            self.discharged = None
            earlier = [u for u in self.undo if u[0] in ("A01", "A04")]
            self.began = earlier[-1][1] if earlier else self.began
            self.happen(step, state or "cancelled", bed, evn=stamp(at))
        elif step == "again":
            # the registration is sent again, as it was, with what is known by now
            left = {"p45": stamp(self.discharged)} if self.discharged else {}
            trigger = self.first[0]
            own = {"p44": stamp(MORNING)} | left
            visit = pv1(self.key, self.first[1], self.first[2], **own)
            self.steps.append(f"{trigger} again")
            self.messages.append(adt(trigger, self.now, pid(f"{self.key}P"), visit))
        elif step == "A03 again":
            assert self.discharged
            self.send("A03", "", p45=stamp(self.discharged))
        elif step == "A02":
            prior, bed = self.bed, self.new_bed()
            self.happen("A02", self.state, bed, p6=prior)
        elif step == "A03":
            self.discharged, bed = self.now, self.bed
            self.happen("A03", "discharged", "", p45=stamp(self.now), p6=bed)
        elif step == "A01":
            self.happen("A01", "admitted", self.new_bed())
        else:
            self.undo.clear() if step in ("A16", "A21") else None
            self.happen(step, NEXT.get(step, self.state), self.bed)


CANCELS = {"A11": ("A01", "A04"), "A12": ("A02",), "A13": ("A03",)}
NEXT = {"A16": "discharge_ordered", "A25": "admitted", "A21": "on_leave", "A22": "admitted"}
STEPS = {
    "arrived": ("A01", "A03", "A11", "again"),
    "admitted": ("A02", "A12", "A16", "A21", "A03", "A11"),
    "discharge_ordered": ("A25", "A03"),
    "on_leave": ("A22",),
    "discharged": ("A13", "again", "A03 again"),
}


def _walk(random: Random, key: str) -> Scenario:
    """A visit from the door to the end, or to where it is tonight."""
    walk = Walk(key, random)
    walk.run()
    row = _visit_row(key, walk.state, walk.bed, walk.discharged)
    cut = random.randint(1, len(walk.messages))
    deliveries = tuple(
        Delivery(day, "adt_hl7", tuple(part))
        for day, part in ((0, walk.messages[:cut]), (1, walk.messages[cut:]))
        if part
    )
    may = frozenset({ANY_ORDER, COARSE, PERMUTABLE})
    return Scenario(key, f"walk {' '.join(walk.steps)}", deliveries, (row, *walk.stays()), may)


def _numberless_end(random: Random, key: str) -> Scenario:
    """A discharge without a number ends the stay, not the clinic visit that is open beside it."""
    bed, who = f"W{key}^R1^A", pid(f"{key}P")
    stay = adt("A01", MORNING, who, pv1(f"{key}-1", "I", bed, p44=stamp(MORNING)))
    at = MORNING + STEP
    clinic = adt("A04", at, who, pv1(f"{key}-2", "O", p44=stamp(at)))
    left = MORNING + 3 * STEP
    end = adt("A03", left, who, pv1("", "O", p45=stamp(left)))
    begun = [stay, clinic]
    random.shuffle(begun)
    rows = (
        _visit_row(f"{key}-1", "discharged", "", left),
        _visit_row(f"{key}-2", "arrived"),
        _stay_row(bed, MORNING, left),
    )
    deliveries = (Delivery(0, "adt_hl7", tuple(begun)), Delivery(1, "adt_hl7", (end,)))
    may = frozenset({ANY_ORDER, COARSE, PERMUTABLE})
    return Scenario(key, "numberless discharge", deliveries, rows, may)


def _reservation(random: Random, key: str) -> Scenario:
    """A bed is held for an admission; the patient comes, elsewhere or there, or does not."""
    held, other, who = f"B{key}^R1^A", f"B{key}^R2^A", pid(f"{key}P")
    plan = random.choice(("A05", "A14"))
    number = random.choice((f"{key}-0", ""))
    planned = adt(plan, MORNING, who, pv1(number, "P", p42=held))
    kind = random.choice(("there", "elsewhere", "cancelled", "waiting"))
    at = MORNING + 2 * STEP
    rows: tuple[Row, ...] = ()
    messages = [planned]
    if kind in ("there", "elsewhere"):
        bed = held if kind == "there" else other
        visit = number or f"{key}-1"
        messages.append(adt("A01", at, who, pv1(visit, "I", bed, p44=stamp(at))))
        rows += (_bed_row(bed, "occupied", visit), _visit_row(visit, "admitted", bed))
        rows += (_stay_row(bed, at),)
        if kind == "elsewhere":
            rows += (_bed_row(held, "available"),)
    elif kind == "cancelled":
        cancel = "A38" if plan == "A05" else "A27"
        messages.append(adt(cancel, at, who, pv1(number, "P", p42=held)))
        rows += (_bed_row(held, "available"),)
        rows += (_visit_row(number, "cancelled"),) if number else ()
    else:
        rows += (_bed_row(held, "reserved", None, 1),)
        rows += (_visit_row(number, "scheduled"),) if number else ()
    name = f"reservation {kind} {'numbered' if number else 'numberless'} {plan}"
    deliveries = (Delivery(0, "adt_hl7", tuple(messages)),)
    return Scenario(key, name, deliveries, rows, frozenset({ANY_ORDER, COARSE, PERMUTABLE}))


def _bed_given_twice(random: Random, key: str) -> Scenario:
    """Two patients are put into one bed; the second leaves it, and the first is still there."""
    bed, at = f"B{key}^R1^A", MORNING + STEP
    one, two = pid(f"{key}P"), pid(f"{key}Q")
    leaves, later = random.choice(("A03", "A02", "A11")), MORNING + 3 * STEP
    messages = [
        adt("A01", MORNING, one, pv1(f"{key}-1", "I", bed, p44=stamp(MORNING))),
        adt("A01", at, two, pv1(f"{key}-2", "I", bed, p44=stamp(at))),
    ]
    elsewhere = f"W{key}^R2^A"
    own = {"A03": {"p45": stamp(later)}, "A02": {"p6": bed}}.get(leaves, {})
    last = pv1(f"{key}-2", "I", elsewhere if leaves == "A02" else bed, p44=stamp(at), **own)
    messages.append(adt(leaves, later, two, last, evn=stamp(at) if leaves == "A11" else ""))
    left = _stay_row(bed, at, later)
    second = {
        "A03": (_visit_row(f"{key}-2", "discharged", "", later), left),
        "A02": (
            _visit_row(f"{key}-2", "admitted", elsewhere),
            left,
            _stay_row(elsewhere, later),
        ),
        "A11": (_visit_row(f"{key}-2", "cancelled"),),
    }[leaves]
    rows = (
        _bed_row(bed, "occupied", f"{key}-1"),
        _visit_row(f"{key}-1", "admitted", bed),
        _stay_row(bed, MORNING),
        *second,
    )
    deliveries = (Delivery(0, "adt_hl7", tuple(messages)),)
    may = frozenset({ANY_ORDER, COARSE, PERMUTABLE})
    return Scenario(key, f"bed given twice, {leaves}", deliveries, rows, may)


def _future_end(random: Random, key: str) -> Scenario:
    """A discharge that is stated for later changes nothing tonight."""
    bed, who, trigger = f"B{key}^R1^A", pid(f"{key}P"), random.choice(("A08", "A03"))
    later = FIRST + timedelta(days=4, hours=10)
    messages = [
        adt("A01", MORNING, who, pv1(key, "I", bed, p44=stamp(MORNING))),
        adt(
            trigger,
            MORNING + STEP,
            who,
            pv1(key, "I", bed, p44=stamp(MORNING), p45=stamp(later)),
        ),
    ]
    rows = (
        _bed_row(bed, "occupied", key),
        _visit_row(key, "admitted", bed),
        _stay_row(bed, MORNING),
    )
    deliveries = (Delivery(0, "adt_hl7", tuple(messages)),)
    may = frozenset({ANY_ORDER, COARSE, PERMUTABLE})
    return Scenario(key, f"future discharge {trigger}", deliveries, rows, may)


def _in_transit(random: Random, key: str) -> Scenario:
    """A09 and A10: on the way to another bed, or away for a while (PV1-11) with the bed kept."""
    bed, new, who = f"W{key}^R1^A", f"W{key}^R2^A", pid(f"{key}P")
    left, came = MORNING + STEP, MORNING + 2 * STEP
    kind = random.choice(("moved", "on the way", "away", "back"))
    messages = [adt("A01", MORNING, who, pv1(key, "I", bed, p44=stamp(MORNING)))]
    if kind in ("moved", "on the way"):
        messages.append(adt("A09", left, who, pv1(key, "I", p6=bed, p42=new)))
    else:
        messages.append(adt("A09", left, who, pv1(key, "I", bed, p11="XRAY^1")))
    if kind == "moved":
        messages.append(adt("A10", came, who, pv1(key, "I", new, p6=bed)))
    if kind == "back":
        messages.append(adt("A10", came, who, pv1(key, "I", bed, p43="XRAY^1")))
    now = {"moved": new, "on the way": ""}.get(kind, bed)
    rows = [_visit_row(key, "admitted", now)]
    if kind in ("away", "back"):
        rows.append(_stay_row(bed, MORNING))
    else:
        rows.append(_stay_row(bed, MORNING, left))
    if kind == "moved":
        rows.append(_stay_row(new, came))
    deliveries = (Delivery(0, "adt_hl7", tuple(messages)),)
    may = frozenset({ANY_ORDER, COARSE, PERMUTABLE})
    return Scenario(key, f"tracking, {kind}", deliveries, tuple(rows), may)


def _second_end(random: Random, key: str) -> Scenario:
    """A second discharge without a cancel corrects the first."""
    bed, who = f"W{key}^R1^A", pid(f"{key}P")
    ends = [MORNING + 2 * STEP, MORNING + random.randint(3, 9) * STEP]
    messages = [adt("A01", MORNING, who, pv1(key, "I", bed, p44=stamp(MORNING)))]
    messages += [
        adt("A03", end, who, pv1(key, "I", bed, p44=stamp(MORNING), p45=stamp(end))) for end in ends
    ]
    rows = (_visit_row(key, "discharged", "", ends[1]), _stay_row(bed, MORNING, ends[1]))
    deliveries = (Delivery(0, "adt_hl7", tuple(messages)),)
    may = frozenset({ANY_ORDER, PERMUTABLE})
    return Scenario(key, "second discharge", deliveries, rows, may)


def _encounter(random: Random, key: str) -> Scenario:
    """An Encounter of any inpatient class, in a bed, over, or back from leave."""
    low, bed = key.lower(), f"B{key} Bed 1"
    over = random.random() < 0.4
    end = instant(MORNING + 3 * STEP)
    element = {
        "identifier": [{"type": {"coding": [{"code": "VN"}]}, "system": "urn:v", "value": key}],
        "class": {"code": random.choice(("I", "IMP", "ACUTE", "NONAC", "INPATIENT"))},
        "status": "finished" if over else "in-progress",
        "subject": {"reference": f"Patient/{low}"},
        "period": {"start": instant(MORNING)} | ({"end": end} if over else {}),
        "location": [
            {
                "location": {"reference": f"Location/{low}-bed"},
                "status": "completed" if over else "active",
                "period": {"start": instant(MORNING)} | ({"end": end} if over else {}),
            }
        ],
    }
    kind = "over" if over else "in a bed"
    if random.random() < 0.5 and not over:
        kind = "back from leave"
        element["statusHistory"] = [
            {"status": "in-progress", "period": {"start": instant(MORNING), "end": end}},
            {"status": "onleave", "period": {"start": end, "end": instant(MORNING + 5 * STEP)}},
        ]
    lines = [
        patient(key),
        resource("Encounter", f"{low}-e", **element),
        *_places(random, key),
    ]
    rows = (
        _visit_row(key, "admitted", bed),
        _bed_row(bed, "occupied", key, unit=f"{low}-ward"),
        _stay_row(bed, MORNING),
    )
    if over:
        rows = (
            _stay_row(bed, MORNING, MORNING + 3 * STEP),
            _visit_row(key, "discharged", "", MORNING + 3 * STEP),
            # no feed of these ever states whether a bed is clean
            _bed_row(bed, "unknown", unit=f"{low}-ward"),
        )
    deliveries = (Delivery(0, "ehr_fhir", tuple(lines)),)
    may = frozenset({ANY_ORDER, PERMUTABLE})
    return Scenario(key, f"encounter {kind}", deliveries, rows, may)


def _places(random: Random, key: str) -> list[str]:
    """Write the chain of places above a bed: room, maybe a corridor, ward."""
    low = key.lower()
    chain = [("bed", "bd", f"B{key} Bed 1"), ("room", "ro", "Room")]
    if random.random() < 0.5:
        chain.append(("area", "area", "Corridor"))
    chain.append(("ward", "wa", "Ward"))
    lines = []
    for index, (name, kind, text) in enumerate(chain):
        above = chain[index + 1][0] if index + 1 < len(chain) else ""
        part = {"partOf": {"reference": f"Location/{low}-{above}"}} if above else {}
        coding = {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/location-physical-type",
                    "code": kind,
                }
            ]
        }
        lines.append(
            resource(
                "Location",
                f"{low}-{name}",
                status="active",
                name=text,
                physicalType=coding,
                **part,
            )
        )
    return lines


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _walk,
    _walk,
    _walk,
    _numberless_end,
    _reservation,
    _bed_given_twice,
    _future_end,
    _in_transit,
    _second_end,
    _encounter,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"ST{number:03}") for number in range(count)]


ROOT = Root("states", scenarios, QUERY)
