{{ config(materialized='ephemeral') }}
-- Grain: one row per result: whether it is final, and critical or of a patient who comes within 5 days, with
-- the facts by which that and the suppressions are decided. Nothing here says what the result is.
{% set criteria = [
    ('is_final', "r.result_status in ('final', 'corrected')"),
    ('is_critical_or_patient_comes_within_5_days', 'r.is_urgent or v.visit_key is not null'),
] %}
with near_visits as (
    select
        *,
        row_number() over (partition by patient_key order by scheduled_start_at, visit_key) as visit_rank
    from {{ ref('int__planned_visit') }}
    where stands and {{ comes_within('local_date', 5) }}
),

results as (
    select
        *,
        -- Whoever looked before the correction has not seen it.
        coalesce(corrected_at, resulted_at) as stated_at,
        coalesce(is_critical, false) as is_urgent
    from {{ ref('canonical__diagnostic_result') }}
)

select
    r.result_key,
    r.result_key as subject_key,
    r.patient_key,
    v.visit_key,
    {{ null_columns(['referral_key', 'bed_key']) }},
    r.result_category,
    r.is_urgent,
    r.corrected_at is not null as is_corrected,
    r.is_reviewed,
    r.review_signal,
    r.stated_at,
    {{ minutes_between('r.stated_at', as_of()) }} as age_minutes,
    o.practitioner_key,
    o.placer_number,
    v.scheduled_start_at,
    v.scheduled_start_precision,
    v.time_zone,
    v.local_date,
    v.local_time,
    v.location_name,
    p.patient_key is not null as is_patient_known,
    p.record_status as patient_status,
    p.is_deceased as is_patient_deceased,
    r.source_ref,
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('status', 'r.result_status'),
        ('stated_on', local_date('r.stated_at')),
        ('is_critical', 'r.is_urgent'),
        ('is_reviewed', 'r.is_reviewed'),
        ('patient_comes_on', 'v.local_date'),
        ('patient', "coalesce(p.record_status, 'unknown')"),
        ('patient_is_deceased', 'p.is_deceased'),
    ]) }} as facts
from results as r
left join near_visits as v on v.patient_key = r.patient_key and v.visit_rank = 1
left join {{ ref('canonical__patient') }} as p on p.patient_key = r.patient_key
left join {{ ref('canonical__order') }} as o on o.order_key = r.order_key
