-- Grain: one row per event that a scheduling message (SIU) tells.
with meant as (
    select
        a.*,
        coalesce(special.event_type, a.event_type) as meant_event_type,
        coalesce(special.event_type, a.event_type) not in ('slot_blocked', 'slot_opened') as is_of_visit
    from {{ ref('int__scheduling_message') }} as a
    left join {{ ref('trigger_event') }} as special
        on special.message_type = a.message_type
        and special.trigger_event = a.trigger_event
        and special.condition = case
            when upper(coalesce(a.event_reason_code, '')) = 'CONFIRMED' or upper(coalesce(a.status_code, '')) = 'CONFIRMED' then 'confirmed'
            else a.appointment_status
        end
    where a.event_type is not null
)

select
    source_system || '|' || content_sha256 || '|' || meant_event_type as event_seed,
    case when is_of_visit then visit_key end as visit_key,
    patient_key,
    cast(null as varchar) as bed_key,
    {{ location_key('location_facility', 'location_unit') }} as location_key,
    cast(null as varchar) as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    meant_event_type as event_type,
    message_at as occurred_at,
    recorded_at,
    scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    message_type || '^' || trigger_event as source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from meant
