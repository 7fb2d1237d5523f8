{% set zone = source_zone('e.source_system') %}
-- Grain: one row per observation (OBX) of a message that the seed step_event knows.
select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.recorded_at,
    e.occurred_at,
    e.occurred_precision,
    e.is_stamped,
    x.patient_group,
    x.observation_code as code,
    x.value,
    {{ sharpened_at('x.observed', 'e.recorded_at', zone) }} as observed_at,
    x.observed_precision
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__obx') }} as x on {{ same_message('e', 'x') }}
where
    x.observation_code in (
        select s.code
        from {{ ref('step_event') }} as s
        where s.element = 'observation'
    )
    -- Table 0085: deleted, wrong, or no result at all.
    and coalesce(x.result_status, '') not in ('D', 'I', 'N', 'W', 'X')
