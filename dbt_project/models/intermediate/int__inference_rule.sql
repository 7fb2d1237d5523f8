-- Grain: one row per rule of the seed inference_rule that is on.
select
    rule,
    object,
    from_states,
    clock,
    needs,
    event_type,
    flag,
    cast(within_hours as integer) as within_hours,
    cast(after_hours as integer) as after_hours
from {{ ref('inference_rule') }}
where is_on = 'true'
