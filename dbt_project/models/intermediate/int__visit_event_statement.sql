-- Grain: one row per event that any source states, with its key, its position in the fold and its authority.
-- An event after the cut-off is in the future: it is kept, and acts when its time has come.
{% set families = [
    ref('int__visit_event_scheduling'),
    ref('int__visit_event_adt'),
    ref('int__visit_event_appointment'),
    ref('int__visit_event_encounter'),
    ref('int__visit_event_order'),
    ref('int__visit_event_step'),
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
),

known as (
    select
        e.*,
        coalesce(e.visit_key, e.bed_key, e.referral_key) as subject_key,
        p.phase,
        coalesce(e.occurred_at > {{ as_of() }}, false) as is_in_future
    from events as e
    left join {{ ref('event_phase') }} as p on p.event_type = e.event_type
),

-- An end, and when a new stay under the same number began after it: there was a stay before it that it ends.
ends as (
    select
        d.event_id,
        d.subject_key,
        d.occurred_at,
        d.recorded_at,
        d.source_ref,
        min(case when b.begins_at > d.occurred_at then b.occurred_at end) as next_stay_at,
        max(case when b.occurred_at <= d.occurred_at then 1 else 0 end) = 1 as has_stay_before
    from known as d
    left join known as b on b.subject_key = d.subject_key and b.phase = 'begin'
    where d.phase = 'end' and d.confidence = 'explicit'
    group by d.event_id, d.subject_key, d.occurred_at, d.recorded_at, d.source_ref
),

-- What was recorded of a patient before the end of the visit was is not after it, whatever time the end
-- bears (a PV1-45 that lies before the last move): such an end is folded after all of that.
late_ends as (
    select
        d.event_id,
        max(x.occurred_at) as fold_at
    from ends as d
    inner join known as x
        on x.subject_key = d.subject_key
        and x.phase in ('begin', 'present', 'move')
        and x.occurred_at > d.occurred_at
        and (x.recorded_at <= d.recorded_at or x.source_ref = d.source_ref)
        and not x.is_in_future
    where not d.has_stay_before or d.next_stay_at is null or x.occurred_at < d.next_stay_at
    group by d.event_id
)

select
    e.*,
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
    case
        when l.fold_at is null then {{ fold_order('e', 'k', 'e.event_id') }}
        else
            {{ time_text('l.fold_at') }}
            || substr({{ fold_order('e', 'k', 'e.event_id') }}, length({{ time_text('l.fold_at') }}) + 1)
    end as fold_order
from known as e
inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
left join late_ends as l on l.event_id = e.event_id
left join {{ ref('authority') }} as a
    on a.object = case k.region when 'bed' then 'bed' when 'referral' then 'referral' else 'visit' end
    and a.element = k.element
    and a.feed = e.feed
