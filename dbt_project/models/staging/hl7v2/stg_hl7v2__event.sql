{{ config(materialized='table', database='scratch') }}
{% set zone = source_zone('m.source_system') %}
-- Grain: one row per message with its EVN segment, if it has one, and what its trigger means; a
-- trigger that the table does not know has the effect `unmapped` and no event.
with timed_messages as (
    select
        m.*,
        case
            when
                e.recorded_precision = 'minute'
                and m.message_at >= e.recorded_at
                and m.message_at < {{ plus_minutes('e.recorded_at', 1) }}
                then m.message_at
            else {{ sharpened_at('e.recorded', 'm.message_at', zone) }}
        end as event_recorded_at,
        e.planned_at,
        e.planned_precision,
        e.occurred_at,
        e.occurred_precision,
        -- Before 2.3.1 the trigger stood in EVN-1 alone.
        coalesce(nullif(m.message_trigger, ''), {{ held('e.event_type') }}) as trigger_event
    from {{ ref('stg_hl7v2__message') }} as m
    left join {{ source('lake', 'hl7v2__evn') }} as e on {{ same_message('m', 'e') }}
)

select
    {{ hl7_origin('m') }},
    m.sender,
    m.processing_id,
    m.message_at,
    m.is_stamped or m.event_recorded_at is not null as is_stamped,
    coalesce(m.event_recorded_at, m.message_at) as recorded_at,
    m.planned_at,
    m.planned_precision,
    {{ sharpened_at('m.occurred', 'coalesce(m.event_recorded_at, m.message_at)', zone) }} as occurred_at,
    m.occurred_precision,
    {{ hl7_order('coalesce(m.event_recorded_at, m.message_at)', 'm') }} as statement_order,
    nullif(concat_ws('^', m.message_type, m.trigger_event), '') as trigger_code,
    t.event_type,
    k.region as event_region,
    coalesce(t.effect, 'unmapped') as effect,
    t.cancels
from timed_messages as m
left join {{ ref('trigger_event') }} as t
    on t.message_type = m.message_type
    and (t.trigger_event = m.trigger_event or t.trigger_event = '*')
    and t.condition = '*'
left join {{ ref('event_type') }} as k on k.event_type = t.event_type
