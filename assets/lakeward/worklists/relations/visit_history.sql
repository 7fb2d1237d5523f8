-- One row per visit and state that it entered. An event has a `to_state` only where it counts in the fold, so
-- the state that is still valid is `main_state` of the visit. valid_to is the beginning of the next one; the
-- open end is NULL. An instant that nobody stated is NULL, and so is the end of the state before.
with entered as (
    select
        visit_key,
        to_state as state,
        lag(to_state) over (partition by visit_key order by event_order, event_id) as state_before,
        occurred_at,
        time_precision,
        confidence,
        event_id,
        event_order,
        source_ref,
        recorded_at
    from {schema}.canonical__visit_event
    where visit_key is not null and to_state is not null and not is_cancelled
)

select
    visit_key,
    state,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by visit_key order by event_order, event_id) as valid_to,
    row_number() over (partition by visit_key order by event_order desc, event_id desc) = 1 as is_latest,
    time_precision,
    confidence,
    event_id,
    source_ref,
    recorded_at
from entered
where state_before is null or state_before <> state
