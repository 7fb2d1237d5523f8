-- Grain: one row per source and local day of the event. Minutes from when something happened to
-- when its system recorded it. Only events whose time the source stated itself (explicit) count.
-- A negative latency is clock skew and more than 72 hours a late entry: both are counted apart.
with timed_events as (
    select
        source_system,
        {{ local_date('occurred_at') }} as local_day,
        recorded_at,
        ({{ epoch_millis('recorded_at') }} - {{ epoch_millis('occurred_at') }})
        / cast(60000 as double) as minutes
    from {{ ref('canonical__visit_event') }}
    where occurred_at is not null and occurred_at < {{ as_of() }} and confidence = 'explicit'
),

classified_events as (
    select
        source_system,
        local_day,
        case when minutes between 0 and 4320 then minutes end as valid_minutes,
        case when minutes < 0 then 1 else 0 end as is_skewed,
        case when minutes > 4320 then 1 else 0 end as is_late_entry,
        case when recorded_at is null then 1 else 0 end as is_unrecorded
    from timed_events
)

select
    {{ uuid5(
        "'recorded_minus_occurred_v1|' || source_system || '|' || cast(local_day as string)"
    ) }} as row_id,
    'recorded_minus_occurred_v1' as method,
    source_system,
    local_day,
    count(*) as eligible_count,
    count(valid_minutes) as valid_count,
    cast(sum(is_skewed) as bigint) as clock_skew_count,
    cast(sum(is_late_entry) as bigint) as over_72h_count,
    cast(sum(is_unrecorded) as bigint) as unrecorded_count,
    cast(count(valid_minutes) as double) / count(*) as completeness,
    cast({{ percentile('valid_minutes', 0.5) }} as double) as p50_minutes,
    cast({{ percentile('valid_minutes', 0.9) }} as double) as p90_minutes,
    cast({{ percentile('valid_minutes', 0.95) }} as double) as p95_minutes,
    cast(max(valid_minutes) as double) as max_minutes,
    {{ as_of() }} as data_as_of
from classified_events
group by source_system, local_day
