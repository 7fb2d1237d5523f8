-- Grain: one row per appointment and patient whose appointment it is, with the visit that it is to that
-- patient. Of a group visit each patient has a visit; who had the appointment alone before others came
-- keeps its key. One patient in another's place is no group: the appointment was corrected.
with records as (
    -- `record` is what names patients together: a message, or a version of a resource.
    select
        k.appointment_key,
        p.patient_key,
        k.source_system || '|' || cast(k.received as string) || '|' || cast(k.message as string) as record,
        k.statement_order
    from {{ ref('int__appointment_key') }} as k
    inner join {{ ref('int__message_patient') }} as p
        on {{ same_staged_message('k', 'p') }}
    union all
    select
        k.appointment_key,
        p.patient_key,
        -- What a source says now of one appointment it says together, in one resource or in several.
        case
            when a.is_current then a.source_system
            else a.source_system || '|' || a.resource_id || '|' || a.statement_order
        end as record,
        a.statement_order
    from {{ ref('stg_fhir__appointment_participant') }} as a
    inner join {{ ref('int__appointment_key') }} as k
        on k.source_system = a.source_system and k.resource_id = a.resource_id
    inner join {{ ref('int__fhir_patient') }} as p
        on p.source_system = a.source_system and p.resource_id = a.patient_resource_id
),

sizes as (
    select
        appointment_key,
        record,
        min(statement_order) as statement_order,
        count(distinct patient_key) as patients,
        min(patient_key) as patient_key
    from records
    group by appointment_key, record
),

appointments as (
    select
        appointment_key,
        max(patients) > 1 as is_group,
        {{ earliest_by("case when patients = 1 then patient_key else '' end", 'statement_order || record') }}
            as first_patient_key
    from sizes
    group by appointment_key
)

select distinct
    r.appointment_key,
    r.patient_key,
    a.is_group,
    case
        when not a.is_group or a.first_patient_key = r.patient_key then r.appointment_key
        else {{ key('visit', ['r.appointment_key', "'PATIENT'", 'r.patient_key']) }}
    end as visit_key
from records as r
inner join appointments as a on a.appointment_key = r.appointment_key
