{{ config(materialized='table', database='scratch') }}
-- Grain: one row per message with its EVN segment, if it has one, and what its trigger means.
select
    {{ hl7_envelope('m') }},
    m.sender,
    m.message_at,
    coalesce(e.recorded_at, m.message_at) as recorded_at,
    e.planned_at,
    e.occurred_at,
    {{ hl7_order('coalesce(e.recorded_at, m.message_at)', 'm') }} as statement_order,
    t.event_type,
    t.to_state,
    t.effect,
    t.cancels
from {{ ref('stg_hl7v2__message') }} as m
left join {{ source('lake', 'hl7v2__evn') }} as e on {{ same_message('m', 'e') }}
left join {{ ref('trigger_event') }} as t
    on t.message_type = m.message_type
    and t.trigger_event = m.trigger_event
    and t.condition = '*'
