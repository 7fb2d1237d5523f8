"""The canonical store against an independent fold of a public ADT stream.

The stream is 14 admission days of SimHospital. `adt_fold` says what it means, without a line of
ours; the store has to say the same of every visit, every stay in a bed and every merge.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from adt_fold import Census, Stay, fold

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import run_day

LAST_DAY = date(2024, 1, 20)
ZONE = "America/New_York"
Span = tuple[str, str, datetime, datetime | None]

VISITS = f"""
    select v.visit_number, v.main_state as state, p.mrn as patient, v.visit_class,
        timezone('{ZONE}', v.arrived_at) as arrived, timezone('{ZONE}', v.admit_at) as admitted,
        timezone('{ZONE}', v.discharge_at) as discharged
    from canonical__visit v left join canonical__patient p using (patient_key)
    where v.visit_number is not null"""
STAYS = f"""
    select v.visit_number, b.bed_label,
        timezone('{ZONE}', s.start_at), timezone('{ZONE}', s.end_at)
    from canonical__bed_stay s
    left join canonical__bed b using (bed_key)
    left join canonical__visit v on v.visit_key = s.visit_key"""
SHARED = """
    select distinct v.visit_number, b.bed_label from canonical__bed_stay s
    left join canonical__bed b using (bed_key)
    left join canonical__visit v on v.visit_key = s.visit_key
    where list_contains(s.quality_flags, 'bed_shared')"""
REPEATED = """
    select visit_number from canonical__visit
    where list_contains(quality_flags, 'repeated_end')"""
MERGES = """
    select p.mrn, s.mrn from canonical__patient p
    join canonical__patient s on s.patient_key = p.merged_into_patient_key"""

PLANNED = """
    select distinct p.mrn from canonical__visit v
    join canonical__patient p using (patient_key) where v.main_state = 'scheduled'"""
HELD = "select bed_label from canonical__bed where reserved_for_visit_key is not null"


@pytest.fixture(scope="module")
def stream(shared: Path) -> Path:
    folder = shared / "hl7v2/simhospital-small"
    if not folder.is_dir():
        pytest.skip("the SimHospital stream is not among the third-party test data")
    return folder


@pytest.fixture(scope="module")
def census(stream: Path) -> Census:
    midnight = datetime.combine(LAST_DAY + timedelta(days=1), time.min)
    return fold((stream / "small.stream.hl7").read_bytes(), midnight)


@pytest.fixture(scope="module")
def store(stream: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The lake after one night over the whole stream."""
    settings = load_settings(tmp_path_factory.mktemp("simhospital") / "home")
    land(settings.home.landing, "adt_hl7", [stream / "small.stream.hl7"], LAST_DAY)
    assert run_day(settings, LAST_DAY).passed
    with connect(Lake(settings.home.lake)) as connection:
        yield connection


def test_every_visit_is_in_the_store_once(census: Census, store: Connection) -> None:
    numbers = [row[0] for row in store.execute(VISITS).fetchall()]
    assert sorted(numbers) == sorted(census.visits)


@pytest.mark.parametrize(
    "column", ["state", "patient", "visit_class", "arrived", "admitted", "discharged"]
)
def test_every_visit_is_as_the_stream_says(census: Census, store: Connection, column: str) -> None:
    relation = store.sql(VISITS)
    found = {row[0]: dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()}
    expected = {number: _visit(census, number) for number in census.visits}
    wrong = [
        (" ".join(e.trigger for e in census.visits[number].events), row[column])
        for number, row in expected.items()
        if column in row and found[number][column] != row[column]
    ]
    assert not wrong, f"{len(wrong)} of {len(expected)}"


def test_every_second_in_a_bed_is_as_the_stream_says(census: Census, store: Connection) -> None:
    expected = _spans((s.visit, "-".join(s.bed[:3]), s.since, s.until) for s in census.stays())
    found = _spans(store.execute(STAYS).fetchall())
    assert found - expected == set()
    assert expected - found == set()


def test_a_bed_that_two_patients_have_is_flagged_for_both(
    census: Census, store: Connection
) -> None:
    stays = census.stays()
    shared = {
        (one.visit, "-".join(one.bed[:3]))
        for one, other in product(stays, stays)
        if one.bed == other.bed and one.visit != other.visit and _overlap(one, other)
    }
    assert set(store.execute(SHARED).fetchall()) == shared


def test_every_discharge_is_an_event_or_a_counted_reason(stream: Path, store: Connection) -> None:
    content = (stream / "small.stream.hl7").read_bytes()
    stated = len(re.findall(rb"^MSH(?:\|[^|\r]*){7}\|ADT\^A03", content, re.MULTILINE))
    outcomes = dict(
        store.execute(
            "select outcome, count(*) from canonical__record_outcome"
            " where record_type = 'ADT^A03' group by all"
        ).fetchall()
    )
    # this stream names the visit of each; 5 updates (A08) name none, and are counted
    assert outcomes == {"event": stated}
    counted = "select record_type, part, reason, record_count from canonical__no_effect"
    assert store.execute(counted).fetchall() == [("ADT^A08", "visit", "visit_not_found", 5)]


def test_nobody_is_left_in_a_bed_whom_the_stream_discharged(
    census: Census, store: Connection
) -> None:
    present = {visit for visit, *_, until in store.execute(STAYS).fetchall() if until is None}
    assert present == {stay.visit for stay in census.stays() if stay.until is None}


def test_a_second_discharge_is_flagged(census: Census, store: Connection) -> None:
    twice = {
        number
        for number, visit in census.visits.items()
        if sum(event.trigger == "A03" for event in visit.events) > 1
    }
    assert {row[0] for row in store.execute(REPEATED).fetchall()} == twice


def test_every_merge_is_followed(census: Census, store: Connection) -> None:
    found = dict(store.execute(MERGES).fetchall())
    assert found == {prior: census.survivor(prior) for prior in census.merges}


def test_a_plan_ends_with_the_admission_or_its_cancel(census: Census, store: Connection) -> None:
    assert {row[0] for row in store.execute(PLANNED).fetchall()} == census.planned
    assert not store.execute(HELD).fetchall()


def _visit(census: Census, number: str) -> dict[str, Any]:
    """Return what the store must hold of a visit."""
    visit = census.visits[number]
    row: dict[str, Any] = {"state": visit.state, "patient": census.survivor(visit.mrn)}
    if visit.state != "cancelled":  # its registration does not count, so nothing states a class
        row["visit_class"] = visit.visit_class
    if visit.state != "entered_in_error":  # the times of what never was are nobody's
        row["admitted"] = visit.time_of("A01")
        row["discharged"] = visit.time_of("A03")
        if visit.last("A04"):
            row["arrived"] = visit.time_of("A04")
    return row


def _overlap(one: Stay, other: Stay) -> bool:
    """Return whether two stays have a moment in common."""
    return (other.until is None or one.since < other.until) and (
        one.until is None or other.since < one.until
    )


def _spans(stays: Iterator[Span] | list[Any]) -> set[Span]:
    """Join the stays of a visit in a bed that follow each other without a gap."""
    by_bed: dict[tuple[str, str], list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for visit, bed, since, until in sorted(stays, key=lambda stay: stay[2]):
        spans = by_bed[visit, bed]
        if spans and spans[-1][1] == since:
            since = spans.pop()[0]
        spans.append((since, until))
    return {(*key, *span) for key, spans in by_bed.items() for span in spans}
