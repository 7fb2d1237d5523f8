-- Grain: one row per cancel that finds the event it cancels: the one at the time it names, else the
-- latest one not cancelled yet.
with cancels as (
    select event_id, visit_key, cancels, cancelled_at, fold_order
    from {{ ref('int__visit_event_standing') }}
    where is_effective and cancels is not null and visit_key is not null
),

originals as (
    select
        event_id,
        visit_key,
        case when event_type = 'arrived' and feed = 'adt' then 'admitted' else event_type end as cancels,
        occurred_at,
        fold_order
    from {{ ref('int__visit_event_standing') }}
    where is_effective and cancels is null and visit_key is not null
),

exact as (
    select cancel_id, original_id
    from (
        select
            c.event_id as cancel_id,
            o.event_id as original_id,
            row_number() over (partition by c.event_id order by o.fold_order desc) as original_rank,
            row_number() over (partition by o.event_id order by c.fold_order) as cancel_rank
        from cancels as c
        inner join originals as o
            on o.visit_key = c.visit_key
            and o.cancels = c.cancels
            and o.occurred_at = c.cancelled_at
            and o.fold_order < c.fold_order
    )
    where original_rank = 1 and cancel_rank = 1
),

-- The rest pairs like brackets: a cancel closes the latest original still open.
rest as (
    select event_id, visit_key, cancels, fold_order, -1 as step
    from cancels
    where event_id not in (select cancel_id from exact)
    union all
    select o.event_id, o.visit_key, o.cancels, o.fold_order, 1 as step
    from originals as o
    where
        o.event_id not in (select original_id from exact)
        and exists (select 1 from cancels as c where c.visit_key = o.visit_key and c.cancels = o.cancels)
),

depths as (
    select
        *,
        sum(step) over (partition by visit_key, cancels order by fold_order rows unbounded preceding) as depth
    from rest
),

-- A cancel that finds nothing open must not close an original that comes after it.
floors as (
    select
        *,
        least(0, min(depth) over (partition by visit_key, cancels order by fold_order rows unbounded preceding)) as lowest
    from depths
),

levels as (
    select
        *,
        depth - lowest as level,
        coalesce(lag(lowest) over (partition by visit_key, cancels order by fold_order), 0) as lowest_before
    from floors
),

brackets as (
    select
        c.event_id as cancel_id,
        o.event_id as original_id,
        row_number() over (partition by c.event_id order by o.fold_order desc) as original_rank
    from levels as c
    inner join levels as o
        on o.visit_key = c.visit_key
        and o.cancels = c.cancels
        and o.step = 1
        and o.level = c.level + 1
        and o.fold_order < c.fold_order
    where c.step = -1 and c.lowest = c.lowest_before
)

select cancel_id, original_id from exact
union all
select cancel_id, original_id from brackets where original_rank = 1
