-- Grain: one row per Schedule resource (winning version).
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('s') }},
    coalesce(
        s.practitioner_id, {{ named_id(references, 's', 'Schedule', 'actor', 'Practitioner') }}
    ) as practitioner_resource_id,
    coalesce(
        s.location_id, {{ named_id(references, 's', 'Schedule', 'actor', 'Location') }}
    ) as location_resource_id,
    coalesce(s.service_type_code, s.specialty_code) as service_type
from {{ current_version(source('lake', 'fhir__schedule'), ref('stg_fhir__version'), 'Schedule') }} as s
