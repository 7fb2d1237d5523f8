-- One row per bed and status (HL7 table 0116) that was stated: events of a bed alone, without a visit.
with stated as (
    select
        bed_key,
        to_state as status,
        lag(to_state) over (partition by bed_key order by event_order, event_id) as status_before,
        occurred_at,
        event_id,
        event_order,
        source_ref,
        recorded_at
    from {schema}.canonical__visit_event
    where bed_key is not null and visit_key is null and to_state is not null and not is_cancelled
)

select
    bed_key,
    status,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by bed_key order by event_order, event_id) as valid_to,
    row_number() over (partition by bed_key order by event_order desc, event_id desc) = 1 as is_latest,
    event_id,
    source_ref,
    recorded_at
from stated
where status_before is null or status_before <> status
