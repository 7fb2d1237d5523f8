"""Who the patients are, how they register, change, consent and turn out to be duplicates."""

from datetime import date, datetime, timedelta
from random import Random

from lakeward.simulator import clinic, names
from lakeward.simulator.events import EventKind
from lakeward.simulator.facility_clock import next_working_day, working_day
from lakeward.simulator.facts import AGAIN
from lakeward.simulator.hospital_records import Consent, Person
from lakeward.simulator.story import Story

HISTORY_DAYS = 28
"""Days of the story before the first delivered one."""
_SURVIVOR = "pat-000001"
"""The person who is registered twice; the other record is merged into this one."""
_INACTIVE = 0.02
"""Share of registrations that are deactivated within the hour."""
_RESERVE = 0.03
"""Share of people who register only while the days run."""
_UPDATES = 0.01
"""Changes of a phone number or address, for each person and working day."""
_MIDDLE, _MOBILE, _HOME, _WORK, _EMAIL = 0.4, 0.85, 0.45, 0.2, 0.6
"""Shares of people with a middle name, and with each way to reach them."""
_INTERPRETED = 0.6
"""Share of people who need an interpreter, of those who do not prefer English."""
_PERMITS_AGAIN = 0.3
"""Share of later decisions about text messages that permit them."""
# what people decide when they register, with weights; a quarter is asked and decides nothing
_CONSENTS: tuple[tuple[tuple[tuple[str, bool], ...], float], ...] = (
    ((("sms", True), ("phone", True)), 26),
    ((("sms", True),), 20),
    ((("phone", True), ("email", True)), 14),
    ((("sms", False), ("phone", True)), 10),
    ((("sms", False), ("phone", False), ("email", False)), 4),
    ((), 26),
)


def populate(story: Story) -> None:
    """Plan the registration of everybody, one duplicate record and a few newcomers."""
    rng = story.rng
    people = [_draw(rng, number) for number in range(1, max(story.size, 2) + 1)]
    for person in people:
        _ask_for_interpreter(story.stream("interpreter"), person)
    # the last person drawn becomes the second record of the first
    people[-1] = _duplicate(people[0], people[-1])
    newcomers = int(story.size * _RESERVE)
    story.reserve = people[len(people) - 1 - newcomers : -1]
    for person in people[: len(people) - 1 - newcomers]:
        ago = rng.randint(HISTORY_DAYS + 2, HISTORY_DAYS + 400)
        # before the history begins: who is registered later is a
        # newcomer, and comes from the reserve
        story.plan(story.moment(story.start - timedelta(days=ago), 7, 19), register_person, person)
    _plan_duplicate(story, people[0], people[-1])
    story.plan(story.clock.at(working_day(story.start), 790), _deactivate_booked)


def _plan_duplicate(story: Story, original: Person, duplicate: Person) -> None:
    """Plan a second registration, a booking on it, and the merge before that appointment."""
    # on the second delivered day, so that the first shows two patients and the second one
    merge_day = working_day(story.start + timedelta(days=1))
    before = merge_day - timedelta(days=4)
    story.plan(story.clock.at(before, 620), _register_again, duplicate)
    story.plan(story.clock.at(before, 650), _book_duplicate, duplicate.id, merge_day)
    story.plan(story.clock.at(merge_day, 660), _merge, original.id, duplicate.id)


def _draw(rng: Random, number: int) -> Person:
    sex = rng.choice("FM")
    given = names.GIVEN_FEMALE if sex == "F" else names.GIVEN_MALE
    city, state, postal_code = rng.choice(names.TOWNS)
    family, first = rng.choice(names.FAMILY), rng.choice(given)
    person = Person(
        id=f"pat-{number:06d}",
        mrn=str(400000 + number * 7),
        family=family,
        given=first,
        middle=rng.choice(given) if rng.random() < _MIDDLE else "",
        sex=sex,
        # no 29th to 31st, so that every draw is a date
        birth_date=date(rng.randint(1931, 2023), rng.randint(1, 12), rng.randint(1, 28)),
        line=f"{rng.randint(1, 999)} {rng.choice(names.STREETS)}",
        city=city,
        state=state,
        postal_code=postal_code,
        language=rng.choices(names.LANGUAGES, names.LANGUAGE_WEIGHTS)[0],
    )
    person.phone_mobile = _phone(rng) if rng.random() < _MOBILE else ""
    person.phone_home = _phone(rng) if rng.random() < _HOME else ""
    person.phone_work = _phone(rng) if rng.random() < _WORK else ""
    person.email = f"patient{number}@mail.example" if rng.random() < _EMAIL else ""
    return person


def _ask_for_interpreter(rng: Random, person: Person) -> None:
    # nobody asks those who prefer English
    if person.language[0] != "en":
        person.interpreter = rng.random() < _INTERPRETED


def _phone(rng: Random) -> str:
    # 555-0100 to 555-0199 are reserved for fiction: no call can reach anybody
    return f"+1{rng.choice(names.AREA_CODES)}5550{rng.randint(100, 199)}"


def _duplicate(original: Person, spare: Person) -> Person:
    """Turn a spare person into a second record of the original, registered in a hurry."""
    # same name, sex and birth date: what a matching by demographics would find
    spare.family, spare.given, spare.middle = original.family, original.given, ""
    spare.sex, spare.birth_date = original.sex, original.birth_date
    spare.phone_mobile, spare.email = original.phone_mobile or "+17165550142", ""
    return spare


def _register_again(story: Story, at: datetime, person: Person) -> None:
    keys = {"patient": person.id, "code": AGAIN}
    story.emit(EventKind.PERSON_REGISTERED, at, **keys, created=person)


def register_person(story: Story, at: datetime, person: Person) -> None:
    """Register a person, who from now on may book and fall ill, and ask for consent."""
    story.emit(EventKind.PERSON_REGISTERED, at, patient=person.id, created=person)
    if story.chance(_INACTIVE) and person.id != _SURVIVOR:
        story.plan(at + timedelta(hours=1), _deactivate, person.id)
        return
    story.roster.append(person.id)
    for channel, permit in story.weighted(_CONSENTS):
        _decide(story, at, person.id, channel, permit=permit)


def _deactivate(story: Story, at: datetime, patient: str) -> None:
    story.emit(EventKind.PERSON_DEACTIVATED, at, patient=patient)


def _decide(story: Story, at: datetime, patient: str, channel: str, *, permit: bool) -> None:
    consent = Consent(
        id=f"consent-{story.serial('consent'):06d}",
        patient=patient,
        channel=channel,
        permit=permit,
        decided_at=at,
    )
    story.emit(EventKind.CONSENT_DECIDED, at, patient=patient, code=consent.id, created=consent)


def plan_changes(story: Story, day: date) -> None:
    """Plan what happens to people on one working day."""
    for _ in range(story.count(story.size * _UPDATES)):
        story.plan(story.moment(day, 8, 17), _update)
    story.plan(story.moment(day, 9, 15), _revoke)
    if day >= story.start:
        for _ in range(min(len(story.reserve), max(1, story.size // 150))):
            story.plan(story.moment(day, 8, 15), _newcomer, story.reserve.pop(0))


def _newcomer(story: Story, at: datetime, person: Person) -> None:
    register_person(story, at, person)
    story.plan(story.later(at, 3, 12), clinic.book_for, person.id)


def _update(story: Story, at: datetime) -> None:
    """Change a phone number or an address, or clear the work phone."""
    person = story.pick(lambda p: not p.merged_into)
    if person is None:
        return
    if person.phone_work and story.chance(0.5):
        changes: tuple[tuple[str, str], ...] = (("phone_work", ""),)
    elif story.chance(0.5):
        changes = (("phone_mobile", _phone(story.rng)),)
    else:
        city, state, postal_code = story.rng.choice(names.TOWNS)
        line = f"{story.rng.randint(1, 999)} {story.rng.choice(names.STREETS)}"
        changes = (("line", line), ("city", city), ("state", state), ("postal_code", postal_code))
    story.emit(EventKind.PERSON_UPDATED, at, patient=person.id, changes=changes)


def _revoke(story: Story, at: datetime) -> None:
    """Let somebody with a booking decide again about text messages: the later decision wins."""
    person = story.pick(lambda p: bool(p.bookings) and not p.merged_into)
    if person is not None:
        _decide(story, at, person.id, "sms", permit=story.chance(_PERMITS_AGAIN))


def _deactivate_booked(story: Story, at: datetime) -> None:
    # a reminder for tomorrow must not go to a record that is no longer in use
    tomorrow = next_working_day(story.clock.day(at))
    person = story.pick(lambda p: tomorrow in p.bookings.values() and not p.visit)
    if person is not None:
        story.emit(EventKind.PERSON_DEACTIVATED, at, patient=person.id)


def _book_duplicate(story: Story, at: datetime, patient: str, merge_day: date) -> None:
    clinic.book_on(story, at, patient, next_working_day(merge_day), steady=True)


def _merge(story: Story, at: datetime, survivor: str, retired: str) -> None:
    story.emit(EventKind.IDENTITY_MERGE, at, patient=survivor, code=retired)
