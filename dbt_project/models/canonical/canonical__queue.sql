-- Grain: one row per queue_key (kind of queue, place, service line) in which something waits at as_of.
with items as (
    select
        case o.order_category when 'bed' then 'bed_request' else o.order_category end as queue_type,
        v.location_key,
        v.service_type as service_line,
        o.ordered_at as entered_at,
        o.source_system,
        o.source_ref,
        o.recorded_at
    from {{ ref('canonical__order') }} as o
    left join {{ ref('canonical__visit') }} as v on v.visit_key = o.visit_key
    where o.status = 'active' and o.order_category in ('lab', 'imaging', 'consult', 'transport', 'bed')
    union all
    select
        'evs' as queue_type,
        {{ location_key('b.facility', 'b.unit') }} as location_key,
        cast(null as varchar) as service_line,
        b.state_since as entered_at,
        b.source_system,
        b.source_ref,
        b.recorded_at
    from {{ ref('canonical__bed') }} as b
    where b.state in ('vacated_dirty', 'cleaning', 'contaminated')
    union all
    select
        case when r.state in ('created', 'docs_incomplete', 'triage') then 'referral_intake' else 'scheduling' end as queue_type,
        cast(null as varchar) as location_key,
        r.specialty as service_line,
        r.state_since as entered_at,
        r.source_system,
        r.source_ref,
        r.recorded_at
    from {{ ref('canonical__referral_status') }} as r
    where r.state in ('created', 'docs_incomplete', 'triage', 'accepted', 'ready_to_schedule', 'unattended', 'appt_cancelled')
    union all
    select
        case v.main_state when 'arrived' then 'triage' when 'triaged' then 'rooming' when 'checked_in' then 'rooming' else 'discharge' end as queue_type,
        v.location_key,
        v.service_type as service_line,
        v.state_since as entered_at,
        v.source_system,
        v.source_ref,
        v.recorded_at
    from {{ ref('canonical__visit') }} as v
    where v.main_state in ('arrived', 'checked_in', 'triaged', 'discharge_ordered', 'ready_for_discharge')
    union all
    select
        'task' as queue_type,
        cast(null as varchar) as location_key,
        t.task_type as service_line,
        t.created_at as entered_at,
        t.source_system,
        t.source_ref,
        t.recorded_at
    from {{ ref('canonical__task') }} as t
    where
        t.status in ('requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold')
        and t.task_type not in ('clean_bed', 'referral_followup')
),

waiting as (
    select
        *,
        {{ minutes_between('entered_at', as_of()) }} as age_minutes
    from items
    where entered_at is null or entered_at <= {{ as_of() }}
)

select
    {{ key('queue', ['w.queue_type', "coalesce(w.location_key, '')", "coalesce(w.service_line, '')"]) }} as queue_key,
    concat_ws(' ', replace(w.queue_type, '_', ' '), max(l.name), w.service_line) as queue_name,
    w.queue_type,
    w.location_key,
    w.service_line,
    count(*) as wip_count,
    min(w.entered_at) as oldest_item_at,
    {{ percentile('w.age_minutes', 0.5) }} as p50_age_minutes,
    {{ percentile('w.age_minutes', 0.9) }} as p90_age_minutes,
    {{ as_of() }} as snapshot_at,
    {{ latest_by('w.source_system', time_text('w.recorded_at') ~ ' || w.source_ref') }} as source_system,
    {{ latest_by('w.source_ref', time_text('w.recorded_at') ~ ' || w.source_ref') }} as source_ref,
    max(w.recorded_at) as recorded_at,
    {{ flags([['unknown_age', 'count(w.entered_at) < count(*)']]) }} as quality_flags
from waiting as w
left join {{ ref('canonical__location') }} as l on l.location_key = w.location_key
group by w.queue_type, w.location_key, w.service_line
