{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored message that is not withheld; `feed` is the family whose authority its
-- statements have.
-- `sender` stands in for the authority of identifiers that name none: facility, else application, else
-- source.
--
-- A message without a usable time (MSH-7) has the latest time before it in its feed, else that of the next
-- one in its file, else the last minute of the day of its delivery; one that states its time coarsely is
-- placed by the same (is_stamped says whether MSH-7 states one).
{% set zone = source_zone('source') %}
with messages as (
    select
        *,
        -- Digits down to the second; what is shorter says so by its length.
        length(regexp_extract(message_at_text, '^([0-9]+)', 1)) as digits,
        {{ source_place('source', 'day', 'file', 'received', 'message') }} as place,
        {{ plus_minutes(midnight_in_zone(add_days('day', 1), zone), -1) }} as delivered_at
    from {{ source('lake', 'raw_hl7v2__message') }}
),

timed as (
    select
        *,
        case digits
            when 4 then 'year' when 6 then 'month' when 8 then 'day' when 10 then 'hour' when 12 then 'minute'
            else 'second'
        end as message_precision,
        -- The latest time so far, not that of the neighbour: a file may be sorted by patient, and of two
        -- messages without a time the later in the feed must never get the earlier time.
        max(case when digits >= 14 then message_at end) over (
            partition by source order by place rows between unbounded preceding and current row
        ) as latest_before_at,
        max(case when digits >= 14 then message_at end) over (
            partition by source, date_trunc('minute', message_at)
            order by place
            rows between unbounded preceding and current row
        ) as latest_in_minute_at,
        {{ first_known('case when digits >= 14 then message_at end') }} over (
            partition by source, received
            order by message
            rows between current row and unbounded following
        ) as at_after
    from messages
),

placed as (
    select
        *,
        -- A clock that runs ahead must not carry others into the future.
        case when latest_before_at > delivered_at then delivered_at else latest_before_at end as at_before
    from timed
)

select
    source as source_system,
    file || '#' || cast(message as string) as source_ref,
    received,
    message,
    place,
    message_type,
    trigger_event as message_trigger,
    control_id,
    content_sha256,
    processing_id,
    message_at is not null as is_stamped,
    case
        when message_at is null then coalesce(at_before, at_after, delivered_at)
        -- Within its minute, a message comes after those that stand before it in the file.
        when message_precision = 'minute' then coalesce(latest_in_minute_at, message_at)
        else {{ placed_at(
            'message_at', 'message_precision', 'coalesce(at_before, at_after, delivered_at)', zone
        ) }}
    end as message_at,
    coalesce(nullif(sending_facility, ''), nullif(sending_application, ''), source) as sender,
    case
        when message_type = 'ADT' then 'adt'
        when message_type in ('SIU', 'SRM', 'SRR') then 'siu'
        else 'orders'
    end as feed
from placed as t
where {{ is_not_withheld('t', 'message') }}
