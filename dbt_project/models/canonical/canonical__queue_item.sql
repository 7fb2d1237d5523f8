-- Grain: one row per thing and time that it began to wait in a queue; `left_at` is NULL while it waits.
{% set ended_orders = "coalesce(o.resulted_at, o.collected_or_performed_at, o.recorded_at)" %}
with orders as (
    select
        s.queue_type,
        v.location_key,
        v.service_type as service_line,
        'order' as item_type,
        o.order_key as item_key,
        o.visit_key,
        o.ordered_at as entered_at,
        case when o.status <> 'active' then {{ ended_orders }} end as left_at,
        case when o.status <> 'active' then o.status end as exit_reason,
        o.priority,
        o.source_system,
        o.source_ref,
        o.recorded_at
    from {{ ref('canonical__order') }} as o
    inner join {{ ref('order_step') }} as s
        on s.order_category = o.order_category and s.queue_type is not null
    left join {{ ref('canonical__visit') }} as v on v.visit_key = o.visit_key
),

-- EVS, environmental services: beds to be cleaned, and the last time that a bed was.
beds as (
    select
        'evs' as queue_type,
        {{ location_key('facility', 'unit') }} as location_key,
        {{ null_columns(['service_line']) }},
        'bed' as item_type,
        bed_key as item_key,
        {{ null_columns(['visit_key']) }},
        case
            when state in ('vacated_dirty', 'cleaning', 'contaminated') then state_since else dirty_at
        end as entered_at,
        case when state not in ('vacated_dirty', 'cleaning', 'contaminated') then cleaned_at end as left_at,
        case when state not in ('vacated_dirty', 'cleaning', 'contaminated') then 'clean' end as exit_reason,
        {{ null_columns(['priority']) }},
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__bed') }}
    where state in ('vacated_dirty', 'cleaning', 'contaminated') or cleaned_at >= dirty_at
),

-- What a visit or a referral waits for now is in its own table; what it waited for before, in the events.
passed as (
    select
        visit_key,
        referral_key,
        to_state as state,
        occurred_at as entered_at,
        lead(occurred_at) over (
            partition by coalesce(visit_key, referral_key) order by fold_order
        ) as left_at,
        lead(to_state) over (
            partition by coalesce(visit_key, referral_key) order by fold_order
        ) as next_state,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__visit_event_fold') }}
    where
        is_effective
        and to_state is not null
        and (from_state is null or from_state <> to_state)
        and (region in ('visit', 'appointment') or (region = 'referral' and referral_key is not null))
),

referrals as (
    select
        referral_key,
        specialty as service_line,
        state,
        state_since as entered_at,
        {{ null_columns(['left_at', 'exit_reason']) }},
        priority,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__referral_status') }}
    union all
    select
        p.referral_key,
        r.specialty as service_line,
        p.state,
        p.entered_at,
        p.left_at,
        p.next_state as exit_reason,
        r.priority,
        p.source_system,
        p.source_ref,
        p.recorded_at
    from passed as p
    inner join {{ ref('canonical__referral_status') }} as r on r.referral_key = p.referral_key
    where p.left_at is not null
),

visits as (
    select
        visit_key,
        location_key,
        service_type as service_line,
        main_state as state,
        state_since as entered_at,
        {{ null_columns(['left_at', 'exit_reason']) }},
        source_system,
        source_ref,
        recorded_at
    from {{ ref('canonical__visit') }}
    union all
    select
        p.visit_key,
        v.location_key,
        v.service_type as service_line,
        p.state,
        p.entered_at,
        p.left_at,
        p.next_state as exit_reason,
        p.source_system,
        p.source_ref,
        p.recorded_at
    from passed as p
    inner join {{ ref('canonical__visit') }} as v on v.visit_key = p.visit_key
    where p.left_at is not null
),

items as (
    select * from orders
    union all
    select * from beds
    union all
    select
        q.queue_type,
        {{ null_columns(['location_key']) }},
        r.service_line,
        'referral' as item_type,
        r.referral_key as item_key,
        {{ null_columns(['visit_key']) }},
        r.entered_at,
        r.left_at,
        r.exit_reason,
        r.priority,
        r.source_system,
        r.source_ref,
        r.recorded_at
    from referrals as r
    inner join {{ ref('state_queue') }} as q on q.region = 'referral' and q.state = r.state
    union all
    select
        q.queue_type,
        v.location_key,
        v.service_line,
        'visit' as item_type,
        v.visit_key as item_key,
        v.visit_key,
        v.entered_at,
        v.left_at,
        v.exit_reason,
        {{ null_columns(['priority']) }},
        v.source_system,
        v.source_ref,
        v.recorded_at
    from visits as v
    inner join {{ ref('state_queue') }} as q on q.region = 'visit' and q.state = v.state
    union all
    select
        'task' as queue_type,
        {{ null_columns(['location_key']) }},
        t.task_type as service_line,
        'task' as item_type,
        t.task_key as item_key,
        t.visit_key,
        t.created_at as entered_at,
        case when t.queue_key is null then coalesce(t.completed_at, t.last_touched_at) end as left_at,
        case when t.queue_key is null then t.status end as exit_reason,
        t.priority,
        t.source_system,
        t.source_ref,
        t.recorded_at
    from {{ ref('canonical__task') }} as t
    left join {{ ref('task_queue') }} as q on q.task_type = t.task_type
    where q.task_type is null and t.status <> 'draft'
),

-- An end without a time is not seen as a wait that goes on.
timed as (
    select
        *,
        exit_reason is not null as has_left
    from items
    where
        -- What begins to wait after the cut-off is not waiting yet; what has no time waits, of unknown age.
        (entered_at is null or entered_at <= {{ as_of() }})
        and (
            exit_reason is null
            or left_at > {{ plus_minutes(as_of(), -1440 * var('queue_history_days') | int) }}
        )
),

ranked as (
    select
        *,
        {{ key('queue', ['queue_type', "coalesce(location_key, '')", "coalesce(service_line, '')"]) }}
            as queue_key,
        row_number() over (
            partition by item_type, item_key, queue_type, entered_at
            order by has_left, left_at desc, source_ref
        ) as item_rank
    from timed
)

select
    {{ key('queue_item', [
        'item_type', 'item_key', 'queue_type', "coalesce(" ~ time_text('entered_at') ~ ", '')",
    ]) }} as queue_item_key,
    queue_key,
    queue_type,
    location_key,
    service_line,
    item_type,
    item_key,
    visit_key,
    entered_at,
    -- What the future ends still waits.
    case when left_at <= {{ as_of() }} then left_at end as left_at,
    case when left_at <= {{ as_of() }} then exit_reason end as exit_reason,
    priority,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['unknown_age', 'entered_at is null'],
        ['left_before_entered', 'left_at < entered_at'],
    ]) }} as quality_flags
from ranked
where item_rank = 1
