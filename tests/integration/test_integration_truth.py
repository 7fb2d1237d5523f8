"""The canonical store against what really happened in the synthetic hospital.

Where the two mean different things by purpose, the comparison says so: a booking that was only
modified keeps its state (`state_since`), an admission that was cancelled has no admission time, and
a bed was not occupied by it.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Lake
from lakeward.simulator.ground_truth import final_state

LAST_DAY = date(2026, 1, 6)
DISPOSITIONS = {"01": "home", "03": "snf", "07": "aadvice", "20": "exp", "LWBS": "lwbs"}
BED = "nullif(concat_ws('-', b.unit, b.room, l.bed), '')"
QUERIES = {
    "visits": f"""
        select coalesce(v.appointment_id, v.visit_number) as key, p.mrn, v.visit_number,
            v.main_state, v.open_waits, v.scheduled_start_at, v.arrived_at, v.roomed_at,
            v.expected_discharge_at, v.discharge_ordered_at, v.discharge_at,
            v.discharge_disposition, u.unit as location, {BED} as bed, d.npi
        from canonical__visit v
        left join canonical__patient p on p.patient_key = v.patient_key
        left join canonical__location u on u.location_key = v.location_key
        left join canonical__bed b on b.bed_key = v.bed_key
        left join canonical__location l on l.location_key = b.location_key
        left join canonical__practitioner d on d.practitioner_key = v.practitioner_key""",
    "appointments": """
        select v.appointment_id as key, p.mrn, v.appointment_status as status,
            v.scheduled_start_at as start, v.original_start_at as original_start,
            v.reschedule_count, v.booked_at, v.cancel_reason_code, v.visit_number
        from canonical__visit v left join canonical__patient p on p.patient_key = v.patient_key
        where v.appointment_id is not null""",
    "beds": f"""
        select {BED} as key, b.operational_status, v.visit_number as current_visit
        from canonical__bed b
        left join canonical__location l on l.location_key = b.location_key
        left join canonical__visit v on v.visit_key = b.current_visit_key""",
    "referrals": """
        select r.originating_id as key, p.mrn, r.state, r.priority, v.appointment_id,
            r.received_at, r.accepted_at, r.scheduled_at, r.seen_at, r.expires_at
        from canonical__referral_status r
        left join canonical__patient p on p.patient_key = r.patient_key
        left join canonical__visit v on v.visit_key = r.appointment_visit_key""",
    "orders": """
        select o.placer_number as key, p.mrn, v.visit_number, o.order_category as category,
            o.status, o.ordered_at, o.resulted_at
        from canonical__order o
        left join canonical__patient p on p.patient_key = o.patient_key
        left join canonical__visit v on v.visit_key = o.visit_key""",
    "patients": """
        select p.mrn as key, p.record_status, s.mrn as merged_into, p.family_name as family,
            p.phone_mobile, p.phone_home, p.phone_work, p.email, p.city, p.deceased_at
        from canonical__patient p
        left join canonical__patient s on s.patient_key = p.merged_into_patient_key""",
}
MEANT: dict[str, Callable[[Any], Any]] = {
    "location": lambda place: place.split("-")[0],
    "discharge_disposition": lambda code: DISPOSITIONS.get(code, code),
}


def _plain(column: str, value: Any) -> Any:
    """Bring a value of the truth into the shape of ours."""
    if isinstance(value, str) and value[10:11] == "T" and value.endswith("Z"):
        return datetime.fromisoformat(value)
    return MEANT.get(column, lambda same: same)(value) if value is not None else None


def _ours(connection: Connection, query: str) -> dict[str, dict[str, Any]]:
    relation = connection.sql(query)
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return {row["key"]: row for row in rows}


@pytest.mark.parametrize("table", QUERIES)
def test_canonical_store_agrees_with_the_truth(finished: Path, table: str) -> None:
    ours = _ours(connect(Lake(finished / "lake")), QUERIES[table])
    truth = final_state(finished / "truth", LAST_DAY)[table]
    assert set(ours) == set(truth)
    wrong = [
        (key, column, row[column], ours[key][column])
        for key, row in truth.items()
        for column in ours[key]
        if column in row and _plain(column, row[column]) != ours[key][column] and column != "key"
    ]
    assert not wrong[:10]
    assert len(truth) > 0
