"""States that hold, stays and beds: `tests/golden/visit_states`; its README says what is stated."""

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
from canonical_folds import VARIABLES, build_canonical, csv_text, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "visit_states"
DAYS = ("2026-01-05", "2026-01-06")
VISIT = "coalesce(v.visit_number, v.appointment_id, p.mrn)"
BED = "concat_ws('-', l.unit, l.room, l.bed)"
OF_VISIT = "left join canonical__patient p on p.patient_key = v.patient_key"
OF_BED = """left join canonical__bed b on b.bed_key = {}.bed_key
        left join canonical__location l on l.location_key = b.location_key"""

QUERIES = {
    "visits": f"""
        select {VISIT} as visit, v.visit_class, v.main_state, v.state_since, v.arrived_at,
            v.admit_at, v.expected_discharge_at, v.discharge_at, {BED} as bed, v.quality_flags
        from canonical__visit v {OF_VISIT} {OF_BED.format("v")}
        order by all""",
    "events": f"""
        select {VISIT} as visit, e.occurred_at, e.event_type, e.from_state, e.to_state,
            e.is_cancelled, c.source_trigger as cancelled_by, {BED} as bed, e.source_trigger,
            e.confidence, e.quality_flags
        from canonical__visit_event e
        inner join canonical__visit v on v.visit_key = e.visit_key
        left join canonical__visit_event c on c.event_id = e.cancelled_by_event_id
        {OF_VISIT} {OF_BED.format("e")}
        order by all""",
    "beds": f"""
        select {BED} as bed, b.state, b.operational_status, {VISIT} as visit,
            b.reserved_for_visit_key is not null as is_reserved, b.quality_flags
        from canonical__bed b
        left join canonical__location l on l.location_key = b.location_key
        left join canonical__visit v on v.visit_key = b.current_visit_key {OF_VISIT}
        order by all""",
    "bed_stays": f"""
        select {BED} as bed, {VISIT} as visit, s.start_at, s.end_at, s.start_known_by,
            s.start_confidence, s.end_known_by, s.end_confidence, s.quality_flags
        from canonical__bed_stay s
        inner join canonical__visit v on v.visit_key = s.visit_key
        {OF_VISIT} {OF_BED.format("s")}
        order by all""",
}


def _delivered(home: Path, days: Sequence[str]) -> Connection:
    landing = load_settings(home).home.landing
    for day in days:
        for folder in (GOLDEN / "input").glob(f"*/{day}"):
            place = landing / folder.parent.name / day
            shutil.copytree(folder, place)
            (place / "_COMPLETE").touch()
        load_landed(home, date.fromisoformat(DAYS[-1]))
    return build_canonical(home, VARIABLES)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    return _delivered(tmp_path_factory.mktemp("states") / "home", DAYS)


def _rows(connection: Connection, query: str) -> list[list[str]]:
    connection.execute("set TimeZone = 'UTC'")
    relation = connection.sql(query)
    names = ", ".join(f"coalesce(cast(\"{c}\" as varchar), '')" for c in relation.columns)
    rows = connection.sql(f"select {names} from ({query})").fetchall()
    return [list(relation.columns), *([str(value) for value in row] for row in rows)]


@pytest.mark.parametrize("table", QUERIES)
def test_states_and_stays_are_those_of_the_golden(
    built: Connection, table: str, golden: Callable[[Path, str], None]
) -> None:
    golden(GOLDEN / "expected" / f"{table}.csv", csv_text(_rows(built, QUERIES[table])))


def test_no_bed_is_occupied_by_nobody(built: Connection) -> None:
    query = """
        select count(*) from canonical__bed
        where state = 'occupied' and operational_status is null and current_visit_key is null"""
    assert built.sql(query).fetchall() == [(0,)]


def test_every_open_stay_is_the_bed_of_its_visit(built: Connection) -> None:
    query = """
        select count(*) from canonical__bed_stay s
        inner join canonical__visit v on v.visit_key = s.visit_key
        where s.end_known_by is null and v.bed_key is distinct from s.bed_key"""
    assert built.sql(query).fetchall() == [(0,)]
