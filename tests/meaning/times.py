"""Root 2: a time has a precision, and a zone that somebody stated.

What is stated to the day is no midnight; what is stated without an offset is the time of the
source's zone; every legal form is read, and no form becomes another hour.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from feeds import appointment, message, patient, permit, pid, resource, siu, stamp
from scenario import ANY_ORDER, FIRST, PERMUTABLE, Delivery, Root, Scenario

TOMORROW = FIRST + timedelta(days=2)
VARIED = frozenset({ANY_ORDER, PERMUTABLE})
PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
HOSPITAL, UTC = timedelta(hours=-5), timedelta(0)

QUERY = """
    select left(r.appt_id, 5) as key, 'reminded', cast(r.local_date as varchar), r.local_time
    from worklist__appointment_reminders r
    where r.appt_id like 'TI%' and coalesce(r.local_time, '') <> ''
    union all
    select left(v.appointment_id, 5), 'start',
        strftime(timezone('America/New_York', v.scheduled_start_at), '%Y-%m-%d'), v.main_state
    from canonical__visit v where v.appointment_id like 'TI%'
    union all
    select left(v.appointment_id, 5), 'booked',
        strftime(timezone('America/New_York', v.booked_at), '%Y-%m-%d'), null
    from canonical__visit v where v.appointment_id like 'TI%' and v.source_system = 'ehr_fhir'
    union all
    select left(f.originating_id, 5), 'referral', f.state, null
    from canonical__referral_status f where f.originating_id like 'TI%'
    union all
    select left(v.visit_number, 5), 'leaves',
        strftime(timezone('America/New_York', v.expected_discharge_at), '%Y-%m-%d'), null
    from canonical__visit v where v.visit_number like 'TI%'
"""
BOOKED = ("booked", "2026-01-02", None)


def _fhir_forms() -> dict[str, Callable[[datetime], str]]:
    """Return ways in which FHIR feeds write an instant, by name."""

    def shifted(at: datetime, offset: timedelta) -> str:
        return (at - HOSPITAL + offset).strftime("%Y-%m-%dT%H:%M:%S")

    east = timedelta(hours=5, minutes=30)
    return {
        "Z": lambda at: shifted(at, UTC) + "Z",
        "lower case": lambda at: shifted(at, UTC).replace("T", "t") + "z",
        "+00:00": lambda at: shifted(at, UTC) + "+00:00",
        "+0000": lambda at: shifted(at, UTC) + "+0000",
        "-05:00": lambda at: shifted(at, HOSPITAL) + "-05:00",
        "-0500": lambda at: shifted(at, HOSPITAL) + "-0500",
        "-05": lambda at: shifted(at, HOSPITAL) + "-05",
        "+05:30": lambda at: shifted(at, east) + "+05:30",
        "milliseconds": lambda at: shifted(at, UTC) + ".123Z",
        "nanoseconds": lambda at: shifted(at, UTC) + ".123456789Z",
        "without seconds": lambda at: shifted(at, HOSPITAL)[:16] + "-05:00",
        "blank for T": lambda at: shifted(at, HOSPITAL).replace("T", " ") + "-05:00",
        # a leap second belongs to its minute
        "leap second": lambda at: shifted(at, HOSPITAL)[:17] + "60-05:00",
        "without offset": lambda at: shifted(at, HOSPITAL),
    }


def _booked(key: str, start: str, **elements: str) -> tuple[Delivery, ...]:
    lines = (patient(key), permit(key), appointment(key, "booked", start, **elements))
    return (Delivery(0, "ehr_fhir", lines),)


def _start(random: Random, key: str) -> Scenario:
    """An appointment tomorrow, early, late or at noon, in some form."""
    at = TOMORROW + random.choice((timedelta(minutes=30), timedelta(hours=12), timedelta(hours=23)))
    form = random.choice(list(_fhir_forms()))
    day = at.strftime("%Y-%m-%d")
    rows = (
        ("reminded", day, at.strftime("%H:%M")),
        ("start", day, "scheduled"),
        BOOKED,
    )
    deliveries = _booked(key, _fhir_forms()[form](at))
    return Scenario(key, f"fhir start {form}", deliveries, rows, VARIED)


def _v2_start(random: Random, key: str) -> Scenario:
    """A start of HL7 v2 to the minute, to the second, or with an offset."""
    at = TOMORROW + random.choice((timedelta(minutes=30), timedelta(hours=12), timedelta(hours=23)))
    forms = {
        "minutes": stamp(at, 12),
        "seconds": stamp(at),
        "fraction": stamp(at) + ".1234",
        "offset": stamp(at) + "-0500",
        "pacific": stamp(at - timedelta(hours=3)) + "-0800",
        "utc": stamp(at - HOSPITAL) + "+0000",
    }
    form = random.choice(list(forms))
    sent = stamp(FIRST + timedelta(hours=9))
    sent_message = siu("S12", sent, pid(f"{key}P"), forms[form], filler=f"{key}A^SCHED")
    day = at.strftime("%Y-%m-%d")
    rows = (("reminded", day, at.strftime("%H:%M")), ("start", day, "scheduled"))
    deliveries = (Delivery(0, "scheduling_hl7", (sent_message,)),)
    return Scenario(key, f"hl7 start {form}", deliveries, rows, VARIED)


def _date_only_start(random: Random, key: str) -> Scenario:
    """A start that is a date: of that day, and no hour is printed that nobody stated."""
    day = TOMORROW.strftime("%Y-%m-%d")
    rows = (("start", day, "scheduled"), BOOKED)
    deliveries = _booked(key, day)
    if random.random() < 0.5:
        sent = stamp(FIRST + timedelta(hours=9))
        one = siu("S12", sent, pid(f"{key}P"), stamp(TOMORROW, 8), filler=f"{key}A^SCHED")
        deliveries, rows = (Delivery(0, "scheduling_hl7", (one,)),), rows[:1]
        return Scenario(key, "hl7 start a date", deliveries, rows, VARIED)
    return Scenario(key, "fhir start a date", deliveries, rows, VARIED)


def _created(random: Random, key: str) -> Scenario:
    """Booked on the day that is stated, however precisely."""
    created = random.choice(("2026-01-02", "2026-01-02T23:30:00-05:00", "2026-01-03T04:30:00Z"))
    at = TOMORROW + timedelta(hours=9)
    start = at.strftime("%Y-%m-%dT%H:%M:%S-05:00")
    day = at.strftime("%Y-%m-%d")
    rows = (("reminded", day, "09:00"), ("start", day, "scheduled"), BOOKED)
    deliveries = _booked(key, start, created=created)
    return Scenario(key, f"created {created}", deliveries, rows, VARIED)


def _died(random: Random, key: str) -> Scenario:
    """A death is known however imprecisely it is stated: nobody is reminded."""
    died = random.choice(
        ("2025", "2025-12", "2025-12-30", "2025-12-30T10:00:00", "2025-12-30T10:00+0000")
    )
    at = TOMORROW + timedelta(hours=9)
    start = at.strftime("%Y-%m-%dT%H:%M:%S-05:00")
    lines = (patient(key, deceasedDateTime=died), permit(key), appointment(key, "booked", start))
    rows = (("start", at.strftime("%Y-%m-%d"), "scheduled"), BOOKED)
    return Scenario(key, f"died {died}", (Delivery(0, "ehr_fhir", lines),), rows, VARIED)


def _referral(random: Random, key: str) -> Scenario:
    """A referral is accepted on its day; the process date may lack the hour."""
    answer = random.choice(("20251201", "202512011500", "20251201150000", ""))
    first, second = "20251201090000", "20251201150000"
    desk = ("PRD|RP|Sage^Rhea||||||7001^^^HOSP", pid(f"{key}P"))
    messages = (
        message("REF^I12", first, f"RF1|P|R|CAR|||{key}R^HOSP|{first}", *desk, sender="REFDESK"),
        message(
            "REF^I13", second, f"RF1|A|R|CAR|||{key}R^HOSP|||{answer}", *desk, sender="REFDESK"
        ),
    )
    rows = (("referral", "accepted", None),)
    deliveries = (Delivery(0, "orders_hl7", messages),)
    may = frozenset({PERMUTABLE})
    return Scenario(key, f"referral answered {len(answer)} digits", deliveries, rows, may)


def _expected_end(random: Random, key: str) -> Scenario:
    """A stay that is planned to end on a date ends on that date."""
    day, low = (FIRST + timedelta(days=3)).strftime("%Y-%m-%d"), key.lower()
    planned = random.choice((day, f"{day}T10:00:00-05:00", f"{day}T22:00:00-05:00"))
    plan = {"url": PLANNED_END, "valueDateTime": planned}
    stay = resource(
        "Encounter",
        f"{low}-e",
        identifier=[{"type": {"coding": [{"code": "VN"}]}, "system": "urn:v", "value": key}],
        status="in-progress",
        subject={"reference": f"Patient/{low}"},
        period={"start": "2026-01-04T09:00:00-05:00"},
        extension=[plan],
        **{"class": {"code": "IMP"}},
    )
    rows = (("leaves", day, None),)
    deliveries = (Delivery(0, "ehr_fhir", (patient(key), stay)),)
    return Scenario(key, f"planned end {len(planned)} signs", deliveries, rows, VARIED)


KINDS: tuple[Callable[[Random, str], Scenario], ...] = (
    _start,
    _start,
    _v2_start,
    _date_only_start,
    _created,
    _died,
    _referral,
    _expected_end,
)


def scenarios(random: Random, count: int) -> list[Scenario]:
    """Make this many situations, each kind in turn."""
    return [KINDS[number % len(KINDS)](random, f"TI{number:03}") for number in range(count)]


ROOT = Root("times", scenarios, QUERY)
