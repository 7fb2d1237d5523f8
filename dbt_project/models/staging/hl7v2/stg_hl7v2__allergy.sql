{{ config(materialized='table', database='scratch') }}
-- Grain: one row per allergy (AL1) of a message.
{% set zone = source_zone('e.source_system') %}
select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 'a.segment') }} as statement_order,
    e.recorded_at,
    a.segment,
    a.patient_group,
    {{ held('a.allergen_system') }} as code_system,
    {{ held('a.allergen_code') }} as code,
    {{ held('a.allergen_text') }} as display,
    a.allergen_type_code as category_code,
    {{ mapped('category', held('a.allergen_type_code')) }} as category,
    a.severity_code,
    {{ mapped('severity', held('a.severity_code')) }} as severity,
    {{ midnight_in_zone('a.identified', zone) }} as noted_at
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__al1') }} as a on {{ same_message('e', 'a') }}
{{ join_code_map(
    ref('code_map_allergy_category'), 'category', 'e.source_system', held('a.allergen_type_code')
) }}
{{ join_code_map(
    ref('code_map_allergy_severity'), 'severity', 'e.source_system', held('a.severity_code')
) }}
-- `""` in the place of the substance clears a list; a shorter list is no evidence that an allergy is gone.
where {{ held('a.allergen_code') }} is not null or {{ held('a.allergen_text') }} is not null
