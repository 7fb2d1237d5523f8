-- Grain: one row per thing that a visit waits, or waited, for: an order, a step of its course, a task.
select
    queue_item_key as wait_interval_key,
    visit_key,
    queue_type as kind,
    item_type,
    item_key,
    entered_at as opened_at,
    left_at as closed_at,
    case
        when left_at is not null then {{ minutes_between('entered_at', 'left_at') }}
        else {{ minutes_between('entered_at', as_of()) }}
    end as wait_minutes,
    source_system,
    source_ref,
    recorded_at,
    quality_flags
from {{ ref('canonical__queue_item') }}
where visit_key is not null
