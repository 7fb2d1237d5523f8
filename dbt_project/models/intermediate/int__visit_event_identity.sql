-- Grain: one row per merge of two patients, and per other event of a patient's record, that a source stated.
{% set of_patient_alone = null_columns([
    'visit_key', 'bed_key', 'location_key', 'exact_location_key', 'referral_key', 'order_key',
    'scheduled_start_at', 'cancels', 'cancelled_at', 'begins_at',
]) %}
select
    m.source_system || '|' || m.source_ref || '|merge|' || m.prior_own_key as event_seed,
    coalesce(s.patient_key, m.surviving_own_key) as patient_key,
    {{ of_patient_alone }},
    'identity_merge' as event_type,
    m.recorded_at as occurred_at,
    case when m.is_stamped then 'second' end as time_precision,
    m.recorded_at,
    m.statement_order,
    'explicit' as confidence,
    true as is_time_stated,
    m.source_trigger,
    m.control_id,
    m.feed,
    m.source_system,
    m.source_ref
from {{ ref('int__patient_merge') }} as m
left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = m.surviving_own_key
-- A merge that is not applied has not happened; the patients' flag `merge_conflict` reports it.
where m.is_applied
union all
select
    p.source_system
        || '|' || p.content_sha256
        || '|' || cast(p.patient_group as string)
        || '|' || p.event_type as event_seed,
    m.patient_key,
    {{ of_patient_alone }},
    p.event_type,
    p.recorded_at as occurred_at,
    case when p.is_stamped then 'second' end as time_precision,
    p.recorded_at,
    p.statement_order,
    'explicit' as confidence,
    true as is_time_stated,
    p.message_type || '^' || p.trigger_event as source_trigger,
    p.control_id,
    p.feed,
    p.source_system,
    p.source_ref
from {{ ref('stg_hl7v2__patient_group') }} as p
inner join {{ ref('event_type') }} as k on k.event_type = p.event_type and k.region = 'identity'
inner join {{ ref('int__message_patient') }} as m on {{ same_patient_group('p', 'm') }}
-- Merges come from the branch above, those of resources among them; twice they would be two events.
where p.effect <> 'merge'
