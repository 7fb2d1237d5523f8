-- Grain: one row per stored version of an Appointment and patient, with the visit that it is to that
-- patient. Who declined, or is no longer among the patients of a group, has no appointment any more.
with named as (
    select
        a.source_system,
        a.resource_id,
        a.statement_order,
        p.patient_key,
        max(case when a.is_accepted then 1 else 0 end) = 1 as is_accepted,
        min(case when a.is_declined then 1 else 0 end) = 1 as is_declined
    from {{ ref('stg_fhir__appointment_participant') }} as a
    inner join {{ ref('int__fhir_patient') }} as p
        on p.source_system = a.source_system and p.resource_id = a.patient_resource_id
    group by a.source_system, a.resource_id, a.statement_order, p.patient_key
),

version_sizes as (
    select source_system, resource_id, statement_order, count(*) as patients
    from named
    group by source_system, resource_id, statement_order
),

first_named as (
    select source_system, resource_id, patient_key, min(statement_order) as statement_order
    from named
    group by source_system, resource_id, patient_key
),

-- Each version with the patients that it names, and with those of a group that one before it named.
pairs as (
    select source_system, resource_id, statement_order, patient_key, is_accepted, is_declined
    from named
    union all
    select
        a.source_system,
        a.resource_id,
        a.statement_order,
        f.patient_key,
        false as is_accepted,
        s.patients is not null as is_declined
    from {{ ref('stg_fhir__appointment') }} as a
    inner join {{ ref('int__appointment_key') }} as k
        on k.source_system = a.source_system and k.resource_id = a.resource_id
    inner join first_named as f
        on f.source_system = a.source_system
        and f.resource_id = a.resource_id
        and f.statement_order < a.statement_order
    inner join {{ ref('int__appointment_patient') }} as g
        on g.appointment_key = k.appointment_key and g.patient_key = f.patient_key and g.is_group
    left join version_sizes as s
        on s.source_system = a.source_system
        and s.resource_id = a.resource_id
        and s.statement_order = a.statement_order
    left join named as n
        on n.source_system = a.source_system
        and n.resource_id = a.resource_id
        and n.statement_order = a.statement_order
        and n.patient_key = f.patient_key
    where n.patient_key is null
)

select
    a.source_system,
    a.source_ref,
    a.recorded_at,
    a.resource_id,
    a.statement_order,
    a.is_stamped,
    a.is_current,
    a.content_sha256,
    a.version_id,
    k.appointment_key,
    k.appointment_id,
    k.is_ambiguous,
    coalesce(v.visit_key, k.appointment_key) as visit_key,
    coalesce(v.visit_key <> k.appointment_key, false) as is_one_of_group,
    p.patient_key,
    coalesce(p.is_accepted, false) as is_accepted_by_patient,
    a.practitioner_resource_id,
    a.location_resource_id,
    a.slot_resource_id,
    a.service_request_resource_id,
    case
        when p.is_declined and a.appointment_status in ('proposed', 'pending', 'waitlist', 'booked')
            then 'cancelled'
        else a.appointment_status
    end as appointment_status,
    a.cancel_reason_code,
    a.service_type,
    a.appointment_type,
    a.specialty,
    a.placer_id,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.scheduled_start_zone_source,
    a.scheduled_end_at,
    a.duration_minutes,
    a.booked_at,
    a.booked_precision
from {{ ref('stg_fhir__appointment') }} as a
inner join {{ ref('int__appointment_key') }} as k
    on k.source_system = a.source_system and k.resource_id = a.resource_id
left join pairs as p
    on p.source_system = a.source_system
    and p.resource_id = a.resource_id
    and p.statement_order = a.statement_order
left join {{ ref('int__appointment_patient') }} as v
    on v.appointment_key = k.appointment_key and v.patient_key = p.patient_key
