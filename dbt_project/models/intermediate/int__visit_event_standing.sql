-- Grain: one row per event told, with what stands in its way: `confirmed` when a better-ranked feed
-- tells the same, `outranked` when a better-ranked feed alone may tell it.
with told as (
    select * from {{ ref('int__visit_event_told') }}
),

-- Only visits told by two feeds need comparing.
better as (
    select
        l.event_id,
        max(case
            when h.signature = l.signature
                and abs({{ minutes_between('h.occurred_at', 'l.occurred_at') }}) <= case when l.region = 'bed' then 15 else 2160 end
                then 1
            -- A resource tells when it was booked, but its start may have moved since.
            when l.event_type = 'appointment_booked' and h.event_type = 'appointment_booked'
                and abs({{ minutes_between('h.occurred_at', 'l.occurred_at') }}) <= 2160
                then 1
            when l.event_type = 'transfer' and h.place_key = l.place_key and h.location_effect = 'occupy'
                and abs({{ minutes_between('h.occurred_at', 'l.occurred_at') }}) <= 15
                then 1
            else 0
        end) as is_confirmed,
        max(case when l.rule = 'exclusive' and h.region = l.region and h.rule = 'exclusive' and h.occurred_at <= l.occurred_at then 1 else 0 end) as is_outranked
    from told as l
    inner join told as h
        on h.subject_key = l.subject_key
        and h.feed <> l.feed
        and h.rank < l.rank
        and h.region = l.region
    where l.rank > 1
    group by l.event_id
),

-- A discharge that we concluded counts only while nobody has told one.
departures as (
    select distinct visit_key
    from told
    where event_type = 'departed' and confidence = 'explicit'
)

select
    t.*,
    coalesce(b.is_confirmed, 0) = 1 as is_confirmed,
    coalesce(b.is_confirmed, 0) = 0 and coalesce(b.is_outranked, 0) = 1 as is_outranked,
    t.confidence = 'inferred' and t.event_type = 'departed' and d.visit_key is not null as is_superseded,
    coalesce(b.is_confirmed, 0) = 0
        and coalesce(b.is_outranked, 0) = 0
        and not (t.confidence = 'inferred' and t.event_type = 'departed' and d.visit_key is not null) as is_effective
from told as t
left join better as b on b.event_id = t.event_id
left join departures as d on d.visit_key = t.visit_key
