-- Grain: one row per event that any source states, with its key, its position in the fold and its authority.
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
with stated as (
    {% for family in families %}
    select
        {{ visit_event_columns() }}
    from {{ family }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

events as (
    select
        *,
        -- From what is stated and not from where it stands: the same content in
        -- another file is the same event.
        {{ uuid5("('event|' || event_seed)") }} as event_id,
        event_type in ('appointment_booked', 'appointment_rescheduled') as is_schedule
    from stated
)

select
    e.*,
    coalesce(e.visit_key, e.bed_key, e.referral_key) as subject_key,
    k.region,
    k.to_state as type_to_state,
    k.location_effect,
    cast(k.lifecycle as integer) as lifecycle,
    a.rule,
    -- A feed that the seed does not rank is outranked by nobody, and without a rule it outranks nobody.
    cast(coalesce(a.rank, 1) as integer) as rank,
    -- What two feeds state alike is one event. Of a booking and a change of start it is the start alone
    -- that has to be alike: one feed may call a change what the other calls a booking.
    case
        when e.is_schedule then 'schedule|' || {{ time_text('e.scheduled_start_at') }}
        else e.event_type || '|'
    end as signature,
    {{ fold_order('e', 'k', 'e.event_id') }} as fold_order
from events as e
inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
left join {{ ref('authority') }} as a
    on a.object = case k.region when 'bed' then 'bed' when 'referral' then 'referral' else 'visit' end
    and a.element = k.element
    and a.feed = e.feed
