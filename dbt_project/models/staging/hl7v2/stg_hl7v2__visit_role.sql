{% set zone = source_zone('e.source_system') %}
-- Grain: one row per part that somebody takes in a visit (ROL), with when it began.
select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.recorded_at,
    r.patient_group,
    {{ held('r.role_code') }} as role_code,
    {{ sharpened_at('r.begin', 'e.recorded_at', zone) }} as begin_at,
    r.begin_precision
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__rol') }} as r on {{ same_message('e', 'r') }}
-- Table 0287: deleted, or unlinked.
where coalesce(r.action_code, '') not in ('DE', 'UN')
