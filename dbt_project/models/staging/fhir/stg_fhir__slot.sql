-- Grain: one row per Slot resource (winning version).
select
    {{ fhir_envelope('s') }},
    s.schedule_id as schedule_resource_id,
    s.status as slot_status,
    s.start_at,
    s.end_at,
    s.is_overbooked,
    coalesce(s.service_type_code, s.specialty_code) as service_type
from {{ current_version(source('lake', 'fhir__slot'), source('lake', 'fhir_current'), 'Slot') }} as s
