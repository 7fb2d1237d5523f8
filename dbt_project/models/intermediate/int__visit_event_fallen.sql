-- Grain: one row per event that came of a beginning which was cancelled: the moves, steps and ends between
-- the two fall with it.
with beginnings_cancelled as (
    select
        c.cancel_id,
        o.subject_key,
        min(o.fold_order) as begun_order,
        max(x.fold_order) as cancelled_order
    from {{ ref('int__visit_event_cancel') }} as c
    inner join {{ ref('int__visit_event_precedence') }} as o
        on o.event_id = c.original_id and o.phase = 'begin'
    inner join {{ ref('int__visit_event_precedence') }} as x on x.event_id = c.cancel_id
    group by c.cancel_id, o.subject_key
)

select distinct
    e.event_id,
    e.visit_key,
    e.source_ref
from {{ ref('int__visit_event_precedence') }} as e
inner join beginnings_cancelled as b
    on b.subject_key = e.subject_key
    and e.fold_order > b.begun_order
    and e.fold_order < b.cancelled_order
left join beginnings_cancelled as own on own.cancel_id = e.event_id
where
    e.phase in ('present', 'move', 'end')
    or (e.cancels is not null and e.region = 'visit' and own.cancel_id is null)
