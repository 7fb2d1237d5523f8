-- Grain: one row per Encounter resource (winning version) with its visit number and patient.
select
    e.source_system,
    e.resource_id,
    e.statement_order,
    e.appointment_resource_id,
    e.period_start_at,
    e.planned_start_at,
    e.visit_number,
    coalesce(e.visit_number_authority, number.authority, e.source_system) as visit_number_authority,
    p.patient_key
from {{ ref('stg_fhir__encounter') }} as e
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = e.source_system and p.resource_id = e.patient_resource_id
{{ join_number_authority(
    ref('int__identifier_authority'), 'number', 'visit', 'e', 'visit_number', 'e.source_system', 'p'
) }}
where e.is_current
