-- Grain: one row per place of the winning version of an Encounter.
select
    {{ fhir_envelope('l') }},
    l.ordinal,
    l.status,
    l.location_id as location_resource_id,
    l.period_start_at,
    l.period_end_at
from {{ current_version(source('lake', 'fhir__encounter_location'), source('lake', 'fhir_current'), 'Encounter') }} as l
where l.location_id is not null
