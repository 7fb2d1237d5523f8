-- Grain: one row per queue_key (kind of queue, location, service line) in which something waits at as_of.
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
    -- EVS, environmental services: beds to be cleaned.
    select
        'evs' as queue_type,
        {{ location_key('facility', 'unit') }} as location_key,
        {{ null_columns(['service_line']) }},
        state_since as entered_at,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__bed') }}
    where state in ('vacated_dirty', 'cleaning', 'contaminated')
    union all
    select
        case
            when state in ('created', 'docs_incomplete', 'triage') then 'referral_intake'
            else 'scheduling'
        end as queue_type,
        {{ null_columns(['location_key']) }},
        specialty as service_line,
        state_since as entered_at,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__referral_status') }}
    where
        state in (
            'created',
            'docs_incomplete',
            'triage',
            'accepted',
            'ready_to_schedule',
            'unattended',
            'appt_cancelled'
        )
    union all
    select
        case main_state
            when 'arrived' then 'triage'
            when 'triaged' then 'rooming'
            when 'checked_in' then 'rooming'
            else 'discharge'
        end as queue_type,
        location_key,
        service_type as service_line,
        state_since as entered_at,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__visit') }}
    where main_state in ('arrived', 'checked_in', 'triaged', 'discharge_ordered', 'ready_for_discharge')
    union all
    select
        'task' as queue_type,
        {{ null_columns(['location_key']) }},
        task_type as service_line,
        created_at as entered_at,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__task') }}
    where
        status in ('requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold')
        -- Those wait in the queues of beds and referrals above: here they would be counted twice.
        and task_type not in ('clean_bed', 'referral_followup')
),

waiting as (
    select
        *,
        {{ minutes_between('entered_at', as_of()) }} as age_minutes,
        {{ time_text('recorded_at') }} || source_ref as record_order
    from items
    -- What begins to wait after the cut-off is not waiting yet; what has no time waits, with an unknown age.
    where entered_at is null or entered_at <= {{ as_of() }}
)

select
    {{ key('queue', [
        'w.queue_type', "coalesce(w.location_key, '')", "coalesce(w.service_line, '')",
    ]) }} as queue_key,
    concat_ws(' ', replace(w.queue_type, '_', ' '), max(l.name), w.service_line) as queue_name,
    w.queue_type,
    w.location_key,
    w.service_line,
    count(*) as wip_count,
    min(w.entered_at) as oldest_item_at,
    {{ percentile('w.age_minutes', 0.5) }} as p50_age_minutes,
    {{ percentile('w.age_minutes', 0.9) }} as p90_age_minutes,
    {{ as_of() }} as snapshot_at,
    {{ latest_by('w.source_system', 'w.record_order') }} as source_system,
    {{ latest_by('w.source_ref', 'w.record_order') }} as source_ref,
    max(w.recorded_at) as recorded_at,
    {{ flags([['unknown_age', 'count(w.entered_at) < count(*)']]) }} as quality_flags
from waiting as w
left join {{ ref('canonical__location') }} as l on l.location_key = w.location_key
group by w.queue_type, w.location_key, w.service_line
