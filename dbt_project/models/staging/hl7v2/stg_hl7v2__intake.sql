{{ config(materialized='table', database='scratch') }}
-- Grain: one row per consent form (CON) of a message. Never what was consented to.
{% set zone = source_zone('e.source_system') %}
select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 'c.segment') }} as statement_order,
    e.recorded_at,
    c.segment,
    c.patient_group,
    {{ held('c.consent_type_system') }} as form_system,
    coalesce({{ held('c.consent_type_code') }}, {{ held('c.form_version') }}) as form_code,
    {{ held('c.consent_type_text') }} as form_name,
    coalesce({{ held('c.form_id') }}, {{ held('c.form_version') }}, '') as form_number,
    c.consent_status_code as intake_status_code,
    {{ mapped('status', held('c.consent_status_code')) }} as intake_status,
    coalesce(
        {{ sharpened_at('c.decided', 'e.recorded_at', zone) }},
        {{ sharpened_at('c.discussed', 'e.recorded_at', zone) }}
    ) as filled_at
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__con') }} as c on {{ same_message('e', 'c') }}
{{ join_code_map(
    ref('code_map_intake_status'), 'status', 'e.source_system', held('c.consent_status_code')
) }}
