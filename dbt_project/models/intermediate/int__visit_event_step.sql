-- Grain: one row per step of a visit and time of its own that a source states beside triggers and statuses
-- (int__visit_step). What is stated again without a time of its own is known.
with steps as (
    select *
    from {{ ref('int__visit_step') }}
    where visit_key is not null and event_type is not null
)

select
    source_system
        || '|step|' || visit_key
        || '|' || event_type
        || '|' || coalesce({{ time_text('own_at') }}, '') as event_seed,
    visit_key,
    patient_key,
    {{ null_columns(['bed_key', 'location_key', 'exact_location_key', 'referral_key', 'order_key']) }},
    event_type,
    occurred_at,
    time_precision,
    recorded_at,
    statement_order,
    {{ null_columns(['scheduled_start_at']) }},
    confidence,
    -- Steps are stated beside the movements, and again in another room: none leads a visit back.
    false as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from {{ first_ranked(
    'steps', 'source_system, visit_key, event_type, own_at', 'statement_order, source_ref'
) }}
