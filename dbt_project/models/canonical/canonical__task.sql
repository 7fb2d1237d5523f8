-- Grain: one row per task_key.
select
    t.task_key,
    -- Tasks for a referral often name the request alone, in which the patient is.
    coalesce(p.patient_key, r.patient_key) as patient_key,
    e.visit_key,
    case when r.referral_key is null then o.order_key end as order_key,
    r.referral_key,
    t.task_type,
    t.status,
    t.business_status,
    t.priority,
    t.owner_reference,
    t.created_at,
    t.due_at,
    case when t.status = 'completed' then coalesce(t.completed_at, t.last_touched_at) end as completed_at,
    coalesce(t.last_touched_at, t.recorded_at) as last_touched_at,
    t.origin,
    t.source_system,
    t.source_ref,
    t.recorded_at,
    {{ flags([
        ['unmapped_type', "t.task_type = 'unmapped'"],
        ['no_due_time', 't.due_at is null'],
    ]) }} as quality_flags
from {{ ref('stg_fhir__task') }} as t
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = t.source_system and p.resource_id = t.patient_resource_id
left join {{ ref('int__fhir_encounter') }} as e
    on e.source_system = t.source_system and e.resource_id = t.encounter_resource_id
left join {{ ref('int__referral_request') }} as r
    on r.source_system = t.source_system and r.resource_id = t.service_request_resource_id
left join {{ ref('int__fhir_order') }} as o
    on o.source_system = t.source_system and o.resource_id = t.service_request_resource_id
where t.is_current
