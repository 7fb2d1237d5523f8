"""How things end that nobody ends: `tests/golden/inferred_ends`; its README says what is stated."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from canonical_folds import build_canonical, csv_text, load_landed, set_rules

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "inferred_ends"
STATED, LATE = "2026-01-05", "2026-01-13"
SOON, LATER = "2026-01-14T05:00:00Z", "2026-02-20T05:00:00Z"
BUILDS = ("soon", "later", "corrected")
"""At both cut-offs, and at the first one again when the late statements have come."""

VISIT = "coalesce(v.visit_number, v.appointment_id, p.mrn)"
BED = "concat_ws('-', l.unit, l.room, l.bed)"
QUERIES = {
    "visits": f"""
        select {VISIT} as visit, v.visit_class, v.main_state, v.state_since, v.appointment_status,
            v.arrived_at, v.admit_at, v.discharge_at, {BED} as bed, v.quality_flags
        from canonical__visit v
        left join canonical__patient p on p.patient_key = v.patient_key
        left join canonical__bed b on b.bed_key = v.bed_key
        left join canonical__location l on l.location_key = b.location_key
        order by all""",
    "inferred": f"""
        select {VISIT} as visit, e.occurred_at, e.event_type, e.from_state, e.to_state,
            {BED} as bed, e.source_trigger, e.confidence, e.source_ref, e.quality_flags
        from canonical__visit_event e
        inner join canonical__visit v on v.visit_key = e.visit_key
        left join canonical__patient p on p.patient_key = v.patient_key
        left join canonical__bed b on b.bed_key = e.bed_key
        left join canonical__location l on l.location_key = b.location_key
        where e.source_trigger like 'rule:%'
        order by all""",
    "beds": f"""
        select {BED} as bed, b.state, b.state_reason, b.operational_status, {VISIT} as visit,
            b.reserved_for_visit_key is not null as is_reserved, b.state_since
        from canonical__bed b
        left join canonical__location l on l.location_key = b.location_key
        left join canonical__visit v on v.visit_key = b.current_visit_key
        left join canonical__patient p on p.patient_key = v.patient_key
        order by all""",
}


def _land(home: Path, *days: str) -> None:
    landing = load_settings(home).home.landing
    for day in days:
        for folder in (GOLDEN / "input").glob(f"*/{day}"):
            place = landing / folder.parent.name / day
            shutil.copytree(folder, place)
            (place / "_COMPLETE").touch()
    load_landed(home, date.fromisoformat(LATE))


TABLES = [f"canonical__{name}" for name in ("patient", "location", "bed", "visit", "visit_event")]


def _variables(as_of: str) -> dict[str, str]:
    return {"day": as_of[:10], "as_of": as_of, "time_zone": "America/New_York"}


def _rows(connection: Connection, query: str) -> list[list[str]]:
    connection.execute("set TimeZone = 'UTC'")
    relation = connection.sql(query)
    names = ", ".join(f"coalesce(cast(\"{c}\" as varchar), '')" for c in relation.columns)
    rows = connection.sql(f"select {names} from ({query})").fetchall()
    return [list(relation.columns), *([str(value) for value in row] for row in rows)]


def _tables(home: Path, as_of: str) -> dict[str, list[list[str]]]:
    with build_canonical(home, _variables(as_of), *TABLES) as connection:
        return {name: _rows(connection, query) for name, query in QUERIES.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inference") / "home"


@pytest.fixture(scope="module")
def built(home: Path) -> dict[str, dict[str, list[list[str]]]]:
    _land(home, STATED)
    soon, later = _tables(home, SOON), _tables(home, LATER)
    assert _tables(home, SOON) == soon, "the same cut-off gives the same rows"
    _land(home, LATE)
    return {"soon": soon, "later": later, "corrected": _tables(home, SOON)}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("table", QUERIES)
def test_ends_are_those_of_the_golden(
    built: dict[str, dict[str, list[list[str]]]],
    build: str,
    table: str,
    golden: Callable[[Path, str], None],
) -> None:
    golden(GOLDEN / "expected" / build / f"{table}.csv", csv_text(built[build][table]))


def test_a_rule_is_switched_by_a_site(
    home: Path, built: dict[str, dict[str, list[list[str]]]]
) -> None:
    assert built
    rules = {
        "missed_appointment": {"is_on": "false"},
        "stay_without_end": {"is_on": "true", "after_hours": "48"},
        "outpatient_without_end": {"after_hours": str(24 * 365)},
    }
    set_rules(home, rules)
    tables = _tables(home, SOON)
    inferred = {(row[0], row[6]) for row in tables["inferred"][1:]}
    assert ("V327", "rule:stay_without_end") in inferred
    assert not {rule for _, rule in inferred} & {
        "rule:missed_appointment",
        "rule:outpatient_without_end",
    }
    beds = {row[0]: (row[1], row[2]) for row in tables["beds"][1:]}
    assert beds["W327-1-A"] == ("unknown", "departure_not_stated")
    set_rules(home, {})
    assert _tables(home, SOON) == built["corrected"], "without them the packaged rows count again"
