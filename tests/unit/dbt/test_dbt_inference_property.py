"""No inference outlives a statement: random courses of visits, whatever is inferred of them.

What a rule infers comes after all that is stated of a visit, rests on the state that is stated, and
follows from the statements and the cut-off alone, in whatever order they are delivered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from canonical_folds import build_canonical, load_landed, set_rules

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import land

SEED, VISITS, DAYS = 20260105, 80, 45
FIRST = datetime(2026, 1, 5, 9)  # noqa: DTZ001 (the hospital's own time)
CUT_OFF = "2026-03-20T04:00:00Z"
DELIVERED = (date(2026, 3, 18), date(2026, 3, 19))
STEPS = ("S12", "S13", "S14", "S15", "S26", "A05", "A04", "A01", "A02", "A08", "A15", "A03", "A13")
WEIGHTS = (6, 2, 2, 1, 1, 3, 3, 3, 2, 2, 1, 2, 1)
RULES = (
    "missed_appointment",
    "appointment_without_outcome",
    "announced_admission",
    "plan_without_outcome",
    "plan_without_time",
    "reservation_without_move",
    "stay_without_end",
    "outpatient_without_end",
    "ended_visit",
)
STATES = "select visit_number, main_state from canonical__visit where visit_number is not null"
INFERRED = """
    select v.visit_number, e.event_type, e.from_state, e.to_state, e.occurred_at, e.source_trigger,
        e.event_id
    from canonical__visit_event e join canonical__visit v using (visit_key)
    where e.source_trigger like 'rule:%' order by all"""
LAST_STATED = f"""
    select v.visit_number, max(greatest(e.recorded_at, e.occurred_at))
    from canonical__visit_event e join canonical__visit v using (visit_key)
    where e.source_trigger not like 'rule:%' and e.recorded_at <= '{CUT_OFF}'
    group by v.visit_number"""


@dataclass(frozen=True)
class Built:
    """What the store holds with the rules, without them, and of another order of delivery."""

    states: dict[str, str]
    stated: dict[str, str]
    inferred: list[tuple[Any, ...]]
    last_stated: dict[str, datetime]
    other_order: list[tuple[Any, ...]]
    other_states: dict[str, str]


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S")


def _message(number: int, step: str, at: datetime, planned: datetime, control: int) -> str:
    """Write what a step states of a visit."""
    kind = "SIU" if step.startswith("S") else "ADT"
    visit_class, bed = ("O", "CLIN") if number % 2 else ("I", f"W{number}^1^A^HOSP")
    pv1 = [""] * 46
    pv1[:3] = ["1", "P" if step == "A05" else visit_class, bed if step != "A05" else ""]
    pv1[18] = f"V{number}^^^HOSP^VN"
    pv1[41] = f"W{number}^2^A^HOSP" if step in ("A05", "A15") else ""
    segments = [
        f"MSH|^~\\&|{kind}|HOSP|LAKEWARD|HOSP|{_stamp(at)}||{kind}^{step}|R{control}|P|2.5.1",
        f"PID|1||R{number}^^^HOSP^MR||Moss^Ada||19800214|F",
        f"PV1|{'|'.join(pv1)}".rstrip("|"),
    ]
    if kind == "SIU":
        schedule = ["SCH", f"P{number}", f"F{number}", *[""] * 6, "30", "MIN"]
        segments.insert(1, "|".join([*schedule, f"^^30^{_stamp(planned)}"]))
        segments += ["RGS|1|A", "AIL|1|A|CLIN^^^HOSP"]
    else:
        segments.insert(1, f"EVN|{step}|{_stamp(at)}")
        if step == "A05":
            segments.append(f"PV2||||||||{_stamp(planned)}")
    return "\r".join(segments) + "\r"


def _messages(random: Random) -> Iterator[tuple[str, str]]:
    """Yield source and message of random courses."""
    control = 0
    for number in range(VISITS):
        at = FIRST + timedelta(hours=random.randrange(24 * 20))
        for step in random.choices(STEPS, WEIGHTS, k=random.randint(1, 5)):
            planned = at + timedelta(hours=random.randrange(24 * 12))
            source = "scheduling_hl7" if step.startswith("S") else "adt_hl7"
            control += 1
            yield source, _message(number, step, at, planned, control)
            at += timedelta(hours=random.choice((1, 5, 20, 30, 100, 300)))
            if at > FIRST + timedelta(days=DAYS):
                break


def _loaded(folder: Path, messages: list[tuple[str, str]], random: Random) -> Path:
    """Deliver the messages at random over two days."""
    settings = load_settings(folder / "home")
    for day in DELIVERED:
        part = [m for m in messages if day == DELIVERED[-1] or random.random() < 0.5]
        messages = [m for m in messages if m not in part]
        for source in ("adt_hl7", "scheduling_hl7"):
            file = folder / f"{day}-{source}.hl7"
            file.write_bytes("".join(text for s, text in part if s == source).encode())
            land(settings.home.landing, source, [file], day)
        load_landed(folder / "home", day)
    return folder / "home"


def _built(home: Path, is_on: str) -> Connection:
    set_rules(home, {rule: {"is_on": is_on} for rule in RULES})
    variables = {"day": CUT_OFF[:10], "as_of": CUT_OFF, "time_zone": "America/New_York"}
    return build_canonical(home, variables, "canonical__visit", "canonical__visit_event")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    random = Random(SEED)
    messages = list(_messages(random))
    home = _loaded(tmp_path_factory.mktemp("one"), messages, random)
    with _built(home, "false") as connection:
        stated = dict(connection.sql(STATES).fetchall())
    with _built(home, "true") as connection:
        states = dict(connection.sql(STATES).fetchall())
        inferred = connection.sql(INFERRED).fetchall()
        last_stated = dict(connection.sql(LAST_STATED).fetchall())
    random.shuffle(messages)
    other = _loaded(tmp_path_factory.mktemp("other"), messages, random)
    with _built(other, "true") as connection:
        other_states = dict(connection.sql(STATES).fetchall())
        return Built(
            states,
            stated,
            inferred,
            last_stated,
            connection.sql(INFERRED).fetchall(),
            other_states,
        )


def _ends(built: Built) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row for row in built.inferred if row[3] is not None}


def test_the_courses_try_the_rules(built: Built) -> None:
    tried = {row[5] for row in built.inferred}
    assert len(tried) >= 6, tried


def test_an_inference_comes_after_all_that_is_stated(built: Built) -> None:
    wrong = [row for row in _ends(built).values() if row[4] < built.last_stated[row[0]]]
    assert wrong == []


def test_an_inference_rests_on_the_state_that_is_stated(built: Built) -> None:
    wrong = [row for row in _ends(built).values() if row[2] != built.stated[row[0]]]
    assert wrong == []


def test_what_nothing_is_inferred_of_stands_where_it_is_stated(built: Built) -> None:
    ends = _ends(built)
    expected = {v: ends[v][3] if v in ends else state for v, state in built.stated.items()}
    assert built.states == expected


def test_the_order_of_deliveries_changes_nothing(built: Built) -> None:
    assert built.other_order == built.inferred
    assert built.other_states == built.states
