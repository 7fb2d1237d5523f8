-- Grain: one row per Slot resource (winning version).
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('s') }},
    coalesce(
        s.schedule_id, {{ named_id(references, 's', 'Slot', 'schedule', 'Schedule') }}
    ) as schedule_resource_id,
    s.status as slot_status,
    s.start_at,
    s.end_at,
    s.is_overbooked,
    coalesce(s.service_type_code, s.specialty_code) as service_type
from {{ current_version(source('lake', 'fhir__slot'), ref('stg_fhir__version'), 'Slot') }} as s
