{{ config(materialized='table', database='scratch') }}
-- Grain: one row per patient named in a message (message, patient_group): its PID.
select
    {{ hl7_origin('e') }},
    e.sender,
    e.processing_id,
    e.statement_order,
    e.recorded_at,
    e.is_stamped,
    e.event_type,
    e.effect,
    p.patient_group
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__pid') }} as p on {{ same_message('e', 'p') }}
