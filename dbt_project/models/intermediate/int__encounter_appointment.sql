-- Grain: one row per Encounter resource that names its appointment, with the visit: of a group visit that
-- of the patient of the Encounter.
select
    e.source_system,
    e.resource_id,
    coalesce(v.visit_key, k.appointment_key) as visit_key
from {{ ref('int__encounter_number') }} as e
inner join {{ ref('int__appointment_key') }} as k
    on k.source_system = e.source_system and k.resource_id = e.appointment_resource_id
left join {{ ref('int__appointment_patient') }} as v
    on v.appointment_key = k.appointment_key and v.patient_key = e.patient_key
