-- Grain: one row per communication_key: a message that was, is or will be sent (Communication), or one that
-- somebody asked for (CommunicationRequest). Never what it says.
with visits as (
    select source_system, resource_id, patient_key, min(visit_key) as visit_key
    from {{ ref('int__appointment_version') }}
    where is_current
    group by source_system, resource_id, patient_key
),

-- A group has an appointment for each of its patients.
appointments as (
    select source_system, resource_id, count(*) as patients, min(visit_key) as visit_key
    from visits
    group by source_system, resource_id
)

select
    {{ key('communication', ['c.source_system', 'c.resource_type', 'c.resource_id']) }} as communication_key,
    case c.resource_type when 'Communication' then 'message' else 'request' end as communication_kind,
    p.patient_key,
    coalesce(e.visit_key, v.visit_key, case when a.patients = 1 then a.visit_key end) as visit_key,
    c.direction,
    c.status,
    c.status_reason_code,
    c.category_code,
    c.medium_code,
    c.topic_code,
    c.authored_at,
    c.sent_at,
    c.received_at,
    c.source_system,
    c.source_ref,
    c.recorded_at,
    {{ flags([
        ['no_patient', 'p.patient_key is null'],
        ['no_status', 'c.status is null'],
        ['no_time', 'coalesce(c.received_at, c.sent_at, c.authored_at) is null'],
    ]) }} as quality_flags
from {{ ref('stg_fhir__communication') }} as c
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = c.source_system and p.resource_id = c.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = c.source_system and e.resource_id = c.encounter_resource_id
left join visits as v
    on v.source_system = c.source_system
    and v.resource_id = c.appointment_resource_id
    and v.patient_key = p.patient_key
left join appointments as a
    on a.source_system = c.source_system and a.resource_id = c.appointment_resource_id
