-- Grain: one row per location of the winning version of an Encounter.
{% set zone = source_zone('l.source') %}
select
    {{ fhir_origin('l') }},
    l.ordinal,
    l.status,
    coalesce(l.location_id, named.target_id) as location_resource_id,
    {{ fhir_placed_at('l.period_start_text', 'l.stated_at', zone) }} as period_start_at,
    {{ fhir_time_precision('l.period_start_text') }} as period_start_precision,
    {{ fhir_placed_at('l.period_end_text', 'l.stated_at', zone) }} as period_end_at,
    l.statement_order,
    l.is_stamped
from {{ current_version(
    source('lake', 'fhir__encounter_location'), ref('stg_fhir__version'), 'Encounter'
) }} as l
left join {{ ref('stg_fhir__reference') }} as named
    on {{ same_version('named', 'l', 'Encounter') }}
    and named.element = 'location.location'
    and named.ordinal = l.ordinal
    and named.target_type = 'Location'
where coalesce(l.location_id, named.target_id) is not null
