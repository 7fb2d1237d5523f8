{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Appointment; `is_current` marks the winning one.
with identifiers as (
    select *
    from (
        select
            i.source,
            i.received,
            i.line,
            coalesce(known.authority, i.system, i.source) as authority,
            i.value,
            row_number() over (
                partition by i.source, i.received, i.line
                order by case when known.identifier_type = 'APPT' then 0 else 1 end, i.ordinal
            ) as identifier_rank
        from {{ source('lake', 'fhir__appointment_identifier') }} as i
        left join {{ ref('identifier_system') }} as known on known.system = i.system
        where i.value is not null
    )
    where identifier_rank = 1
),

patients as (
    select
        source,
        received,
        line,
        min(patient_id) as patient_resource_id,
        max(case when status = 'accepted' then 1 else 0 end) = 1 as is_accepted
    from {{ source('lake', 'fhir__appointment_participant') }}
    where patient_id is not null
    group by source, received, line
)

select
    {{ fhir_envelope('a') }},
    {{ fhir_order('a') }} as statement_order,
    {{ fhir_version_order('a') }} as version_order,
    winner.line is not null as is_current,
    a.content_sha256,
    a.version_id,
    coalesce(i.authority, a.source) as appointment_authority,
    coalesce(i.value, a.id) as appointment_id,
    coalesce(a.patient_id, p.patient_resource_id) as patient_resource_id,
    coalesce(p.is_accepted, false) as is_accepted_by_patient,
    a.practitioner_id as practitioner_resource_id,
    a.location_id as location_resource_id,
    a.slot_id as slot_resource_id,
    a.based_on_id as service_request_resource_id,
    {{ mapped('status', 'a.status') }} as appointment_status,
    a.status as status_code,
    a.cancelation_reason_code as cancel_reason_code,
    coalesce(a.service_type_code, a.specialty_code) as service_type,
    a.appointment_type_code as appointment_type,
    a.reason_code,
    a.start_at as scheduled_start_at,
    a.end_at as scheduled_end_at,
    cast(a.minutes_duration as bigint) as duration_minutes,
    a.created_at as booked_at
from {{ source('lake', 'fhir__appointment') }} as a
left join identifiers as i
    on i.source = a.source and i.received = a.received and i.line = a.line
left join patients as p
    on p.source = a.source and p.received = a.received and p.line = a.line
left join {{ source('lake', 'fhir_current') }} as winner
    on winner.source = a.source
    and winner.received = a.received
    and winner.line = a.line
    and winner.resource_type = 'Appointment'
{{ join_code_map(ref('code_map_appointment_status'), 'status', 'a.source', 'a.status') }}
