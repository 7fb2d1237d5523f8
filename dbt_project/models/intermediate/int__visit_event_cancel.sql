-- Grain: one row per event cancelled, with the cancel: the event at the time that the cancel names,
-- else the latest one not cancelled yet. Repeats of that event go with it (is_repeat); a cancel has at most
-- one event that is not a repeat.
with events as (
    select
        event_id,
        visit_key,
        event_type,
        region,
        phase,
        type_to_state,
        cancels,
        cancelled_at,
        occurred_at,
        begins_at,
        -- A11 cancels an admission (A01) and a registration (A04) alike; A32 and A33 what an A10 and an A09
        -- stated, a move or a while elsewhere.
        case
            when feed <> 'adt' then event_type
            when event_type = 'arrived' then 'admitted'
            when source_trigger = 'ADT^A09' then 'location_out'
            when source_trigger = 'ADT^A10' then 'location_in'
            else event_type
        end as cancelled_as,
        -- What lay ahead when it was stated can be taken back at once, not only when its time has come.
        case
            when occurred_at > recorded_at
                then {{ time_text('recorded_at') }}
                || substr(fold_order, length({{ time_text('recorded_at') }}) + 1)
            else fold_order
        end as fold_order
    from {{ ref('int__visit_event_precedence') }}
    where
        visit_key is not null
        and (has_precedence or (is_in_future and cancels is null and not is_confirmed and not is_outranked))
),

cancels as (
    select
        event_id,
        visit_key,
        cancels,
        cancelled_at,
        fold_order
    from events
    where cancels is not null
),

originals as (
    select
        event_id,
        visit_key,
        cancelled_as as cancels,
        event_type,
        region,
        phase,
        type_to_state,
        occurred_at,
        fold_order
    from events
    where cancels is null
),

-- First the cancels that name a time: each takes the original of that time.
same_time as (
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
),

exact as (
    select cancel_id, original_id
    from same_time
    where original_rank = 1 and cancel_rank = 1
),

-- The rest pairs like brackets: a cancel closes the latest original still open.
rest as (
    select
        event_id,
        visit_key,
        cancels,
        fold_order,
        -1 as step
    from cancels
    where event_id not in (select cancel_id from exact)
    union all
    select
        o.event_id,
        o.visit_key,
        o.cancels,
        o.fold_order,
        1 as step
    from originals as o
    where
        o.event_id not in (select original_id from exact)
        and exists (
            select 1
            from cancels as c
            where c.visit_key = o.visit_key and c.cancels = o.cancels
        )
),

depths as (
    select
        *,
        sum(step) over (
            partition by visit_key, cancels order by fold_order rows unbounded preceding
        ) as depth
    from rest
),

-- A cancel that finds nothing open must not close an original that comes after it.
floors as (
    select
        *,
        least(
            0,
            min(depth) over (partition by visit_key, cancels order by fold_order rows unbounded preceding)
        ) as lowest
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
),

pairs as (
    select cancel_id, original_id
    from exact
    union all
    select cancel_id, original_id
    from brackets
    where original_rank = 1
),

-- A visit begins once and ends once: all that state its beginning go with it, whatever came in between,
-- unless it ended there or the cancel is of another beginning (and so with ends). Of what may happen
-- several times only those before it, and another state or cancel in between makes a second event.
repeats as (
    select
        p.cancel_id,
        r.event_id as original_id
    from pairs as p
    inner join cancels as c on c.event_id = p.cancel_id
    inner join originals as o on o.event_id = p.original_id and o.type_to_state is not null
    inner join originals as r
        on r.visit_key = o.visit_key
        and r.event_type = o.event_type
        and r.event_id <> o.event_id
        and (r.fold_order < o.fold_order or (o.phase in ('begin', 'end') and r.fold_order < c.fold_order))
    where
        r.event_id not in (select original_id from pairs)
        and not exists (
            select 1
            from events as between_them
            where
                between_them.visit_key = o.visit_key
                and between_them.fold_order > least(r.fold_order, o.fold_order)
                and between_them.fold_order < greatest(r.fold_order, o.fold_order)
                and between_them.event_type <> o.event_type
                and case
                    when o.phase = 'begin' then between_them.phase = 'end' or between_them.cancels = o.cancels
                    when o.phase = 'end'
                        then
                            (
                                between_them.phase = 'begin'
                                and between_them.begins_at > least(r.occurred_at, o.occurred_at)
                            )
                            or between_them.cancels = o.cancels
                    else
                        between_them.cancels is not null
                        or (between_them.region = o.region and between_them.type_to_state is not null)
                end
        )
)

select
    cancel_id,
    original_id,
    false as is_repeat
from pairs
union all
select
    min(cancel_id) as cancel_id,
    original_id,
    true as is_repeat
from repeats
group by original_id
