-- Grain: one row per PractitionerRole resource (winning version): who acts in it, and where.
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('r') }},
    coalesce(
        r.practitioner_id, {{ named_id(references, 'r', 'PractitionerRole', 'practitioner', 'Practitioner') }}
    ) as practitioner_resource_id,
    coalesce(
        r.location_id, {{ named_id(references, 'r', 'PractitionerRole', 'location', 'Location') }}
    ) as location_resource_id
from {{ current_version(
    source('lake', 'fhir__practitioner_role'), ref('stg_fhir__version'), 'PractitionerRole'
) }} as r
