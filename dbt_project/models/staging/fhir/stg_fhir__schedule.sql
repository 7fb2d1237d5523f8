-- Grain: one row per Schedule resource (winning version).
select
    {{ fhir_envelope('s') }},
    s.practitioner_id as practitioner_resource_id,
    s.location_id as location_resource_id,
    coalesce(s.service_type_code, s.specialty_code) as service_type
from {{ current_version(source('lake', 'fhir__schedule'), source('lake', 'fhir_current'), 'Schedule') }} as s
