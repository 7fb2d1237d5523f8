-- Grain: one row per merge of two patients, and per other event of a patient's record, that a source told.
select
    m.source_system || '|' || m.source_ref || '|merge|' || m.prior_own_key as event_seed,
    cast(null as varchar) as visit_key,
    coalesce(s.patient_key, m.surviving_own_key) as patient_key,
    cast(null as varchar) as bed_key,
    cast(null as varchar) as location_key,
    cast(null as varchar) as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    'identity_merge' as event_type,
    m.recorded_at as occurred_at,
    m.recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    m.source_trigger,
    m.control_id,
    m.feed,
    m.source_system,
    m.source_ref
from {{ ref('int__patient_merge') }} as m
left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = m.surviving_own_key
where not m.is_in_conflict
union all
select
    p.source_system || '|' || p.content_sha256 || '|' || cast(p.patient_group as varchar) || '|' || p.event_type as event_seed,
    cast(null as varchar) as visit_key,
    m.patient_key,
    cast(null as varchar) as bed_key,
    cast(null as varchar) as location_key,
    cast(null as varchar) as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    p.event_type,
    p.recorded_at as occurred_at,
    p.recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    p.message_type || '^' || p.trigger_event as source_trigger,
    p.control_id,
    p.feed,
    p.source_system,
    p.source_ref
from {{ ref('stg_hl7v2__patient_key') }} as p
inner join {{ ref('event_type') }} as k on k.event_type = p.event_type and k.region = 'identity'
inner join {{ ref('int__message_patient') }} as m
    on m.source_system = p.source_system
    and m.received = p.received
    and m.message = p.message
    and m.patient_group = p.patient_group
where p.effect <> 'merge'
