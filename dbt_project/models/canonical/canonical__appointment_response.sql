-- Grain: one row per response_key: an appointment and who answered, with the latest answer. It has no time of
-- its own in R4: it was given when it was recorded.
with visits as (
    select source_system, resource_id, patient_key, min(visit_key) as visit_key
    from {{ ref('int__appointment_version') }}
    where is_current
    group by source_system, resource_id, patient_key
),

appointments as (
    select
        source_system,
        resource_id,
        count(*) as patients,
        min(patient_key) as patient_key,
        min(visit_key) as visit_key
    from visits
    group by source_system, resource_id
),

answers as (
    select
        {{ key('appointment_response', ['r.source_system', 'r.appointment_resource_id', 'r.actor_id']) }}
            as response_key,
        r.*
    from {{ ref('stg_fhir__appointment_response') }} as r
),

latest as (
    select *
    from {{ first_ranked('answers', 'response_key', 'statement_order desc, source_ref desc') }}
)

select
    r.response_key,
    coalesce(v.visit_key, case when a.patients = 1 then a.visit_key end) as visit_key,
    -- Somebody else answers for the patient whose appointment it is.
    coalesce(p.patient_key, case when a.patients = 1 then a.patient_key end) as patient_key,
    r.actor_kind,
    d.practitioner_key,
    r.participant_status as answer,
    r.recorded_at as answered_at,
    r.proposed_start_at,
    r.source_system,
    r.source_ref,
    r.recorded_at,
    {{ flags([
        ['no_appointment', 'a.resource_id is null'],
        ['no_answer', 'r.participant_status is null'],
        ['time_inferred', 'not r.is_stamped'],
    ]) }} as quality_flags
from latest as r
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
left join visits as v
    on v.source_system = r.source_system
    and v.resource_id = r.appointment_resource_id
    and v.patient_key = p.patient_key
left join appointments as a
    on a.source_system = r.source_system and a.resource_id = r.appointment_resource_id
left join {{ ref('stg_fhir__practitioner') }} as d
    on d.source_system = r.source_system and d.resource_id = r.practitioner_resource_id
