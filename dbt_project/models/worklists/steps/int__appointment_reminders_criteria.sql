{{ config(materialized='ephemeral') }}
-- Grain: one row per visit: whether it is an appointment to be reminded of on this day, by the criteria
-- below, with the facts by which they and the suppressions are decided. No visit is left out unseen.
{% set first_facility = (var('facilities') | first | default({'id': ''})).id %}
{% set criteria = [
    ('start_is_stated', 'a.scheduled_start_at is not null'),
    ('starts_in_a_window', 'w.tier is not null'),
] %}
select
    a.visit_key,
    a.visit_key as subject_key,
    a.patient_key,
    {{ null_columns(['referral_key', 'bed_key']) }},
    a.appt_id,
    a.facility_id,
    a.time_zone,
    a.local_date,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.practitioner_key,
    a.location_key,
    a.main_state,
    w.tier,
    w.is_working,
    w.is_closed_by_date,
    w.listed_until,
    p.given_names,
    p.preferred_language,
    p.patient_key is not null as is_patient_known,
    p.record_status as patient_status,
    p.is_deceased as is_patient_deceased,
    a.source_ref,
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('state', 'a.main_state'),
        ('state_since', local_date('a.state_since', 'a.time_zone')),
        ('starts_on', 'a.local_date'),
        ('window', 'w.tier'),
        ('facility', 'a.facility_id'),
        ('facility_works_that_day', 'w.is_working'),
        ('patient', "coalesce(p.record_status, 'unknown')"),
        ('patient_is_deceased', 'p.is_deceased'),
    ]) }} as facts
from {{ ref('int__planned_visit') }} as a
left join {{ ref('int__reminder_window') }} as w
    on
        w.local_date = a.local_date
        -- An appointment of no known facility is counted in the windows of the first one.
        and w.facility_id = coalesce(a.facility_id, '{{ first_facility }}')
left join {{ ref('canonical__patient') }} as p on p.patient_key = a.patient_key
