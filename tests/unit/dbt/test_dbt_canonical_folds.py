"""The folds of the canonical store against goldens: messages and resources in, rows out.

What each delivery states is in `tests/golden/canonical_folds/README.md`; `make golden` writes the
expected rows again.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from canonical_folds import DAYS, GOLDEN, csv_text, deliver

from lakeward.lake.query import Connection

VISIT = "coalesce(v.appointment_id, v.visit_number, p.mrn || ' ' || v.visit_class)"
BED = "nullif(concat_ws('-', b.unit, b.room, l.bed), '')"
QUERIES = {
    "patients": """
        select p.mrn, p.record_status, s.mrn as merged_into, p.phone_mobile, p.phone_home,
            p.phone_work, p.email, p.is_deceased
        from canonical__patient p
        left join canonical__patient s on s.patient_key = p.merged_into_patient_key
        order by 1""",
    "consents": """
        select p.mrn, c.channel, c.purpose, c.is_permitted, c.decided_at, c.quality_flags
        from canonical__consent c
        inner join canonical__patient p on p.patient_key = c.patient_key
        order by 1, 2, 3""",
    "visits": f"""
        select {VISIT} as visit, p.mrn, v.visit_class, v.main_state, v.state_since,
            v.appointment_status, v.scheduled_start_at, v.reschedule_count, v.arrived_at,
            v.admit_at, v.discharge_at, v.discharge_disposition, {BED} as bed, v.open_waits,
            v.key_quality, v.last_change_ref, v.quality_flags
        from canonical__visit v
        left join canonical__patient p on p.patient_key = v.patient_key
        left join canonical__bed b on b.bed_key = v.bed_key
        left join canonical__location l on l.location_key = b.location_key
        order by 1, p.mrn, v.scheduled_start_at, v.main_state""",
    "events": f"""
        select {VISIT} as visit, e.occurred_at, e.event_type, e.from_state, e.to_state,
            e.is_cancelled, c.event_type as cancels, e.source_trigger, e.quality_flags
        from canonical__visit_event e
        inner join canonical__visit v on v.visit_key = e.visit_key
        left join canonical__patient p on p.patient_key = v.patient_key
        left join canonical__visit_event c on c.event_id = e.cancels_event_id
        order by 1, 2, e.recorded_at, e.event_type, e.source_trigger, p.mrn, e.from_state,
            v.main_state""",
    "beds": f"""
        select {BED} as bed, b.state, b.operational_status, v.visit_number as current_visit,
            b.occupied_at, b.vacated_at, b.dirty_at, b.cleaned_at, b.quality_flags
        from canonical__bed b
        left join canonical__location l on l.location_key = b.location_key
        left join canonical__visit v on v.visit_key = b.current_visit_key
        order by 1""",
    "referrals": """
        select r.originating_id, r.state, r.state_since, r.accepted_at, r.scheduled_at,
            v.appointment_id, r.quality_flags
        from canonical__referral_status r
        left join canonical__visit v on v.visit_key = r.appointment_visit_key
        order by 1""",
    "orders": """
        select placer_number, filler_number, code, order_category, status, result_status,
            ordered_at, resulted_at, quality_flags
        from canonical__order order by 1, 2, 3""",
    "availability": """
        select d.display_name, a.start_at, a.end_at, a.slot_status, a.is_overbooked, a.booked_count,
            a.quality_flags
        from canonical__provider_availability a
        left join canonical__practitioner d on d.practitioner_key = a.practitioner_key
        order by 1, 2, 3, 4""",
    "unmapped_codes": "select code_map, source_system, from_code, row_count"
    " from canonical__unmapped_code order by 1, 2, 3",
}

REBUILT = (
    "canonical__patient",
    "canonical__patient_identifier",
    "canonical__consent",
    "canonical__visit",
    "canonical__visit_event",
    "canonical__bed",
    "canonical__order",
    "canonical__provider_availability",
    "canonical__referral_status",
)


def _rows(connection: Connection, query: str) -> list[list[str]]:
    connection.execute("set TimeZone = 'UTC'")
    relation = connection.sql(query)
    names = ", ".join(f"coalesce(cast(\"{c}\" as varchar), '')" for c in relation.columns)
    rows = connection.sql(f"select {names} from ({query})").fetchall()
    return [list(relation.columns), *([str(value) for value in row] for row in rows)]


@pytest.mark.parametrize("table", QUERIES)
def test_fold_gives_the_golden_rows(
    built: Connection, table: str, golden: Callable[[Path, str], None]
) -> None:
    golden(GOLDEN / "expected" / f"{table}.csv", csv_text(_rows(built, QUERIES[table])))


def test_no_survivor_of_a_merge_is_merged_itself(built: Connection) -> None:
    merged, again = built.sql(
        """
        select count(*), count(s.merged_into_patient_key)
        from canonical__patient p
        inner join canonical__patient s on s.patient_key = p.merged_into_patient_key"""
    ).fetchall()[0]
    assert merged > 0
    assert again == 0


def test_order_of_arrival_changes_no_row(built: Connection, tmp_path: Path) -> None:
    backwards = deliver(tmp_path / "home", DAYS[::-1])
    for table in REBUILT:
        query = f"select * from {table} order by all"
        assert _rows(backwards, query) == _rows(built, query), table
