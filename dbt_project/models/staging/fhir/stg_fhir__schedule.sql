-- Grain: one row per Schedule resource (winning version).
select
    {{ fhir_envelope('s') }},
    coalesce(s.practitioner_id, {{ named_id(ref('stg_fhir__reference'), 's', 'Schedule', 'actor', 'Practitioner') }}) as practitioner_resource_id,
    coalesce(s.location_id, {{ named_id(ref('stg_fhir__reference'), 's', 'Schedule', 'actor', 'Location') }}) as location_resource_id,
    coalesce(s.service_type_code, s.specialty_code) as service_type
from {{ current_version(source('lake', 'fhir__schedule'), ref('stg_fhir__version'), 'Schedule') }} as s
