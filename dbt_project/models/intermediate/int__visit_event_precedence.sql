-- Grain: one row per event stated, with what takes precedence over it: `confirmed` when a better-ranked
-- feed states the same, `outranked` when a better-ranked feed alone may state it, `superseded` when it was
-- inferred and has been stated since. What is in the future has no precedence yet.
{% set same_event_minutes = 36 * 60 %}
{% set same_move_minutes = 15 %}
with events as (
    select * from {{ ref('int__visit_event_statement') }}
),

-- Each event beside those that better-ranked feeds state about the same thing.
pairs as (
    select
        e.event_id,
        e.region,
        better.signature = e.signature as is_alike,
        better.event_type = 'appointment_booked' and e.event_type = 'appointment_booked' as is_booking,
        e.event_type = 'transfer'
            and better.location_effect = 'occupy'
            and better.exact_location_key = e.exact_location_key as is_same_move,
        -- That a place was left is concluded; where a better feed follows the patient, it says that.
        e.event_type = 'location_left' and better.location_effect in ('occupy', 'release') as is_followed,
        better.rule = 'exclusive'
            and e.rule = 'exclusive'
            -- Only from the first word of the better feed on: before it, the lesser one was all there was.
            and better.occurred_at <= e.occurred_at as is_outranked,
        abs({{ minutes_between('better.occurred_at', 'e.occurred_at') }}) as minutes_apart
    from events as e
    inner join events as better
        on better.subject_key = e.subject_key
        and better.feed <> e.feed
        and better.rank < e.rank
        and better.region = e.region
        -- What has not happened yet confirms nothing.
        and not better.is_in_future
    -- The best-ranked feed has nobody above it: its events need no comparison.
    where e.rank > (select min(rank) from events)
),

comparisons as (
    select
        event_id,
        max(
            case
                when
                    is_alike
                    and minutes_apart <= case
                        -- A visit arrives once, and a nightly export may state it a day later, with the time
                        -- of the export; a bed gets dirty and clean several times a day, so the same status
                        -- hours apart is another one.
                        when region = 'bed' then {{ same_move_minutes }} else {{ same_event_minutes }}
                    end
                    then 1
                -- A resource states when it was booked, but its start may have moved since.
                when is_booking and minutes_apart <= {{ same_event_minutes }} then 1
                when is_same_move and minutes_apart <= {{ same_move_minutes }} then 1
                when is_followed then 1
                else 0
            end
        ) as is_confirmed,
        max(case when is_outranked then 1 else 0 end) as is_outranked
    from pairs
    group by event_id
),

stated_departures as (
    select distinct visit_key
    from events
    where event_type = 'departed' and confidence = 'explicit' and not is_in_future
),

compared as (
    select
        e.*,
        coalesce(c.is_confirmed, 0) = 1 as is_confirmed,
        -- Confirmed before outranked: what the better feed states as well is no contradiction to report.
        coalesce(c.is_confirmed, 0) = 0 and coalesce(c.is_outranked, 0) = 1 as is_outranked,
        e.confidence = 'inferred'
            and e.event_type = 'departed'
            and d.visit_key is not null as is_superseded
    from events as e
    left join comparisons as c on c.event_id = e.event_id
    left join stated_departures as d on d.visit_key = e.visit_key
)

select
    *,
    not is_confirmed and not is_outranked and not is_superseded and not is_in_future as has_precedence
from compared
