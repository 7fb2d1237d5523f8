-- Grain: one row per medication_key: a prescription (MedicationRequest) or what somebody reports that the
-- patient takes (MedicationStatement). Only what is current is active: of status active, begun and not over,
-- and not replaced by a later prescription.
select
    {{ key('medication', ['m.source_system', 'm.resource_type', 'm.resource_id']) }} as medication_key,
    p.patient_key,
    e.visit_key,
    case m.resource_type when 'MedicationRequest' then 'request' else 'statement' end as statement_kind,
    m.code_system,
    m.code,
    m.display,
    m.status,
    m.intent,
    coalesce(m.status = 'active', false) and not m.is_over and not m.is_ahead and not m.is_replaced
        as is_active,
    m.authored_at,
    m.period_start_at,
    {{ open_end('m.period_end_at') }} as period_end_at,
    m.source_system,
    m.source_ref,
    m.recorded_at,
    {{ flags([
        ['no_patient', 'p.patient_key is null'],
        ['no_code', 'm.code is null'],
        ['no_status', 'm.status is null'],
        ['unmapped_status', "m.status = 'unmapped'"],
        ['period_over', "m.status = 'active' and m.is_over"],
        ['replaced', "m.status = 'active' and m.is_replaced"],
    ]) }} as quality_flags
from {{ ref('stg_fhir__medication') }} as m
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = m.source_system and p.resource_id = m.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = m.source_system and e.resource_id = m.encounter_resource_id
