-- Grain: one row per decision about a visit that an order tells: to admit, or to discharge.
select
    event_seed,
    visit_key,
    patient_key,
    cast(null as varchar) as bed_key,
    cast(null as varchar) as location_key,
    cast(null as varchar) as place_key,
    cast(null as varchar) as referral_key,
    order_key,
    event_type,
    occurred_at,
    recorded_at,
    cast(null as timestamp with time zone) as scheduled_start_at,
    'explicit' as confidence,
    true as is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from (
    select
        *,
        feed || '|' || order_key || '|' || order_category as event_seed,
        case order_category when 'bed' then 'admit_decision' else 'discharge_ordered' end as event_type,
        coalesce(ordered_at, recorded_at) as occurred_at,
        row_number() over (partition by feed, order_key order by statement_order) as telling
    from {{ ref('int__order_statement') }}
    where order_category in ('bed', 'discharge') and visit_key is not null and status <> 'entered-in-error'
)
where telling = 1
