-- Grain: one row per past class of the winning version of an Encounter.
{% set zone = source_zone('h.source') %}
select
    {{ fhir_origin('h') }},
    h.ordinal,
    {{ class_group(mapped('class', 'h.class_code')) }} as class_group,
    {{ fhir_placed_at('h.period_start_text', 'h.stated_at', zone) }} as period_start_at,
    {{ fhir_time_precision('h.period_start_text') }} as period_start_precision,
    {{ fhir_placed_at('h.period_end_text', 'h.stated_at', zone) }} as period_end_at,
    h.statement_order,
    h.is_stamped
from {{ current_version(
    source('lake', 'fhir__encounter_class_history'), ref('stg_fhir__version'), 'Encounter'
) }} as h
{{ join_code_map(ref('code_map_visit_class'), 'class', 'h.source', 'h.class_code') }}
