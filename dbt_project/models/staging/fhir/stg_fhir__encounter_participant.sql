-- Grain: one row per participant of the winning version of an Encounter, with when the part began.
{% set zone = source_zone('p.source') %}
select
    {{ fhir_origin('p') }},
    p.ordinal,
    p.type_codes,
    {{ fhir_placed_at('p.period_start_text', 'p.stated_at', zone) }} as period_start_at,
    {{ fhir_time_precision('p.period_start_text') }} as period_start_precision,
    p.statement_order
from {{ current_version(
    source('lake', 'fhir__encounter_participant'), ref('stg_fhir__version'), 'Encounter'
) }} as p
