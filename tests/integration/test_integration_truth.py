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
            v.main_state, v.open_waits, v.acuity_level, v.scheduled_start_at, v.arrived_at,
            v.roomed_at, v.expected_discharge_at, v.discharge_ordered_at, v.discharge_at,
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
            p.phone_mobile, p.phone_home, p.phone_work, p.email, p.city, p.deceased_at,
            p.interpreter_needed
        from canonical__patient p
        left join canonical__patient s on s.patient_key = p.merged_into_patient_key""",
    "coverages": """
        select c.member_number as key, p.mrn, c.payer_name, c.plan_type, c.coverage_order, c.status,
            c.is_in_force, c.period_start_at, c.period_end_at, c.verified_at, c.eligibility
        from canonical__coverage c
        left join canonical__patient p on p.patient_key = c.patient_key""",
    "authorisations": """
        select a.authorisation_number as key, p.mrn, a.payer_name, a.authorisation_status,
            a.is_valid, a.code, a.authorised_units, a.decided_at, a.period_start_at, a.expires_at
        from canonical__authorisation a
        left join canonical__patient p on p.patient_key = a.patient_key""",
    "allergies": """
        select p.mrn || '|' || a.code as key, p.mrn, a.code, a.display, a.allergy_type,
            a.categories, a.criticality, a.severity, a.clinical_status,
            a.verification_status, a.is_active, a.noted_at
        from canonical__allergy a
        left join canonical__patient p on p.patient_key = a.patient_key""",
    "prescriptions": """
        select v.visit_number as key, p.mrn, m.code, m.display, m.status, m.is_active,
            m.authored_at, m.period_start_at, m.period_end_at
        from canonical__medication m
        left join canonical__patient p on p.patient_key = m.patient_key
        left join canonical__visit v on v.visit_key = m.visit_key""",
    "results": """
        select o.placer_number as key, p.mrn, v.visit_number, r.result_category, r.code,
            r.result_status, r.resulted_at, r.abnormal_flag, r.is_critical, r.review_signal,
            r.reviewed_at, d.npi as reviewed_by, r.is_reviewed
        from canonical__diagnostic_result r
        left join canonical__order o on o.order_key = r.order_key
        left join canonical__patient p on p.patient_key = r.patient_key
        left join canonical__visit v on v.visit_key = r.visit_key
        left join canonical__practitioner d on d.practitioner_key = r.reviewed_by_key""",
    "roles": """
        select d.npi as key, r.role_code, r.specialty_code, r.specialty, l.unit, r.is_active
        from canonical__practitioner_role r
        left join canonical__practitioner d on d.practitioner_key = r.practitioner_key
        left join canonical__location l on l.location_key = r.location_key""",
    "intakes": """
        select v.visit_number as key, p.mrn, i.form_kind, i.form_code, i.intake_status,
            i.is_complete, i.filled_at
        from canonical__intake i
        left join canonical__patient p on p.patient_key = i.patient_key
        left join canonical__visit v on v.visit_key = i.visit_key""",
    "notices": """
        select v.appointment_id as key, p.mrn, c.communication_kind, c.direction, c.status,
            c.status_reason_code, c.category_code, c.medium_code, c.topic_code, c.sent_at,
            c.received_at
        from canonical__communication c
        left join canonical__patient p on p.patient_key = c.patient_key
        left join canonical__visit v on v.visit_key = c.visit_key""",
    "replies": """
        select v.appointment_id as key, p.mrn, r.actor_kind, r.answer, r.answered_at
        from canonical__appointment_response r
        left join canonical__patient p on p.patient_key = r.patient_key
        left join canonical__visit v on v.visit_key = r.visit_key""",
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
    found = {row["key"]: row for row in rows}
    assert len(found) == len(rows)
    return found


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
