-- Grain: one row per decision about a visit that an order states: to admit, or to discharge.
with decisions as (
    select *
    from {{ ref('int__order_statement') }}
    where
        order_category in ('bed', 'discharge')
        and visit_key is not null
        and status <> 'entered-in-error'
        -- An order that is over when it is first seen, and does not say when it was made, decides nothing.
        and (ordered_at is not null or status not in ('completed', 'revoked'))
)

select
    feed || '|' || order_key || '|' || order_category as event_seed,
    visit_key,
    patient_key,
    order_key,
    {{ null_columns(['bed_key', 'location_key', 'exact_location_key', 'referral_key']) }},
    case order_category when 'bed' then 'admit_decision' else 'discharge_ordered' end as event_type,
    coalesce(ordered_at, recorded_at) as occurred_at,
    case when ordered_at is not null then ordered_precision when is_stamped then 'second' end
        as time_precision,
    recorded_at,
    statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    'explicit' as confidence,
    ordered_at is not null or is_stamped as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
-- Later statements change the order, not when it was decided.
from {{ first_ranked('decisions', 'feed, order_key', 'statement_order') }}
