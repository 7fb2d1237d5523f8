-- Grain: one row per visit that a feed states anything about: the latest statement of each feed, then the
-- best-ranked feed that states a value (seed authority; 1 is the best, hence `earliest_by` a rank).
{% set schedule_columns = [
    'appointment_id',
    'service_type',
    'appointment_type',
    'cancel_reason_code',
] %}
{% set schedule_times = [
    'scheduled_start_at',
    'scheduled_start_precision',
    'scheduled_start_zone_source',
    'scheduled_end_at',
    'booked_at',
] %}
{% set movement_columns = [
    'visit_number',
    'visit_class',
    'assumed_class',
    'discharge_disposition',
    'fhir_status',
] %}
{% set other_columns = [
    'reason_code',
    'expected_discharge_at',
    'expected_discharge_precision',
    'duration_minutes',
    'practitioner_key',
    'location_key',
    'patient_key',
] %}
with by_feed as (
    select
        visit_key,
        feed,
        {% for name in schedule_columns + schedule_times + movement_columns + other_columns %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        {{ earliest_by('scheduled_start_at', 'statement_order') }} as original_start_at,
        min(key_quality) as key_quality,
        {{ latest_by('source_system', 'statement_order') }} as source_system,
        {{ latest_by('source_ref', 'statement_order') }} as source_ref,
        {{ latest_by('recorded_at', 'statement_order') }} as recorded_at,
        max(statement_order) as statement_order
    from {{ ref('int__visit_statement') }}
    group by visit_key, feed
)

select
    f.visit_key,
    {% for name in schedule_columns %}
    {{ decided('f.' ~ name, 'a.schedule_rank') }} as {{ name }},
    {% endfor %}
    {% for name in schedule_times + ['original_start_at'] %}
    {{ earliest_by('f.' ~ name, 'a.schedule_rank') }} as {{ name }},
    {% endfor %}
    {% for name in movement_columns %}
    {{ decided('f.' ~ name, 'a.movement_rank') }} as {{ name }},
    {% endfor %}
    {{ decided('f.reason_code', 'a.clinical_rank') }} as reason_code,
    {{ decided_at('f.expected_discharge_at', 'a.clinical_rank') }} as expected_discharge_at,
    {{ decided('f.expected_discharge_precision', 'a.clinical_rank') }} as expected_discharge_precision,
    {{ earliest_by('f.duration_minutes', 'a.schedule_rank') }} as duration_minutes,
    {{ decided('f.practitioner_key', 'a.schedule_rank') }} as practitioner_key,
    {{ earliest_by('f.location_key', 'a.schedule_rank') }} as planned_location_key,
    {{ earliest_by('f.patient_key', 'a.movement_rank') }} as patient_key,
    count(distinct f.patient_key) as patients,
    -- Only feeds that own or export the schedule: the planned admission of a pre-admission is no drift.
    count(distinct case when f.feed in ('siu', 'fhir') then f.scheduled_start_at end) as starts,
    min(f.key_quality) as key_quality,
    {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
    {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
    {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at
from by_feed as f
left join {{ authority_ranks(ref('authority'), 'visit', ['schedule', 'movement', 'clinical']) }} as a
    on a.feed = f.feed
group by f.visit_key
