-- Grain: one row per event that any source tells, with its key, its place in time and its authority.
{% set columns = ['event_seed', 'visit_key', 'patient_key', 'bed_key', 'location_key', 'place_key', 'referral_key', 'order_key', 'event_type', 'occurred_at', 'recorded_at', 'scheduled_start_at', 'confidence', 'is_time_told', 'cancels', 'cancelled_at', 'source_trigger', 'control_id', 'feed', 'source_system', 'source_ref'] %}
{% set families = [
    ref('int__visit_event_scheduling'),
    ref('int__visit_event_adt'),
    ref('int__visit_event_appointment'),
    ref('int__visit_event_encounter'),
    ref('int__visit_event_order'),
    ref('int__visit_event_bed'),
    ref('int__visit_event_referral'),
    ref('int__visit_event_identity'),
] %}
with told as (
    {% for family in families %}
    select
        {{ columns | join(',\n        ') }}
    from {{ family }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    t.*,
    {{ uuid5("('event|' || t.event_seed)") }} as event_id,
    coalesce(t.visit_key, t.bed_key, t.referral_key) as subject_key,
    k.region,
    k.to_state as type_to_state,
    k.location_effect,
    cast(k.lifecycle as integer) as lifecycle,
    a.rule,
    cast(coalesce(a.rank, 1) as integer) as rank,
    case when t.event_type in ('appointment_booked', 'appointment_rescheduled') then 'schedule' else t.event_type end
        || '|' || coalesce(case when t.event_type in ('appointment_booked', 'appointment_rescheduled') then {{ time_text('t.scheduled_start_at') }} end, '') as signature,
    {{ time_text('t.occurred_at') }} || {{ time_text('t.recorded_at') }} || lpad(cast(k.lifecycle as varchar), 3, '0') || {{ uuid5("('event|' || t.event_seed)") }} as fold_order
from told as t
inner join {{ ref('event_type') }} as k on k.event_type = t.event_type
left join {{ ref('authority') }} as a
    on a.object = case k.region when 'bed' then 'bed' when 'referral' then 'referral' else 'visit' end
    and a.element = k.element
    and a.feed = t.feed
