-- Grain: one row per event that a rule infers of a visit: the first one whose time has come, and a
-- reservation that has lapsed. It comes after all that is stated of the visit, and rests on what
-- stated its state last.
with events as (
    select
        *,
        {{ uuid5("'rule|' || visit_key || '|' || rule || '|' || " ~ time_text('inferred_at')) }} as event_id,
        row_number() over (
            partition by visit_key, event_type = 'reservation_lapsed' order by inferred_at, rule
        ) as event_rank
    from {{ ref('int__visit_inference') }}
    where event_type is not null
)

select
    e.event_id,
    e.visit_key,
    e.patient_key,
    case when e.event_type = 'reservation_lapsed' then e.reserved_bed_key end as bed_key,
    case when e.event_type = 'reservation_lapsed' then e.reserved_location_key end as location_key,
    e.event_type,
    case when k.to_state is not null then e.state end as from_state,
    k.to_state,
    e.inferred_at,
    e.flag,
    'rule:' || e.rule as source_trigger,
    e.source_system,
    e.source_ref,
    {{ time_text('e.inferred_at') }}
    || substr(
        {{ record_order('e.last_order') }}, length({{ time_text('e.inferred_at') }}) + 1
    )
    || lpad(cast(k.lifecycle as string), 3, '0')
    || e.event_id as fold_order
from events as e
inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
where e.event_rank = 1
