-- Grain: one row per queue_key (kind of queue, location, service line) in which something waits at as_of.
{% set hour_ago = plus_minutes(as_of(), -60) %}
{% set day_ago = plus_minutes(as_of(), -1440) %}
with items as (
    select
        i.*,
        i.left_at is null as is_waiting,
        case
            when i.left_at is null then {{ minutes_between('i.entered_at', as_of()) }}
        end as age_minutes,
        {{ time_text('i.recorded_at') }} || i.source_ref as record_order,
        cast(t.sla_minutes as bigint) as sla_minutes,
        t.owning_team
    from {{ ref('canonical__queue_item') }} as i
    left join {{ ref('queue_type') }} as t on t.queue_type = i.queue_type
    where i.left_at is null or i.left_at > {{ day_ago }} or i.entered_at > {{ day_ago }}
)

select
    w.queue_key,
    concat_ws(' ', replace(w.queue_type, '_', ' '), max(l.name), w.service_line) as queue_name,
    w.queue_type,
    max(w.owning_team) as owning_team,
    w.location_key,
    w.service_line,
    count(case when w.is_waiting then 1 end) as wip_count,
    min(case when w.is_waiting then w.entered_at end) as oldest_item_at,
    {{ percentile('w.age_minutes', 0.5) }} as p50_age_minutes,
    {{ percentile('w.age_minutes', 0.9) }} as p90_age_minutes,
    count(case when w.entered_at > {{ hour_ago }} then 1 end) as arrivals_60m_count,
    count(case when w.left_at > {{ hour_ago }} then 1 end) as completions_60m_count,
    count(case when w.entered_at > {{ day_ago }} then 1 end) as arrivals_24h_count,
    count(case when w.left_at > {{ day_ago }} then 1 end) as completions_24h_count,
    max(w.sla_minutes) as sla_minutes,
    count(case when w.age_minutes > w.sla_minutes then 1 end) as breach_count,
    {{ as_of() }} as snapshot_at,
    {{ latest_by('w.source_system', 'w.record_order') }} as source_system,
    {{ latest_by('w.source_ref', 'w.record_order') }} as source_ref,
    max(w.recorded_at) as recorded_at,
    {{ flags([['unknown_age', 'max(case when w.entered_at is null then 1 else 0 end) = 1']]) }}
        as quality_flags
from items as w
left join {{ ref('canonical__location') }} as l on l.location_key = w.location_key
group by w.queue_key, w.queue_type, w.location_key, w.service_line
having count(case when w.is_waiting then 1 end) > 0
