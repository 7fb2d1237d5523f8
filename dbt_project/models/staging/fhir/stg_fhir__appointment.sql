{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Appointment; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id
            order by case when system_type = 'APPT' then 0 else 1 end, ordinal
        ) as identifier_rank
    from {{ assigned_identifiers(
        source('lake', 'fhir__appointment_identifier'), ref('identifier_system')
    ) }} as i
),

participants as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.status,
        coalesce(p.patient_id, named.target_id) as patient_id
    from {{ source('lake', 'fhir__appointment_participant') }} as p
    left join {{ references }} as named
        on {{ same_version('named', 'p', 'Appointment') }}
        and named.element = 'participant.actor'
        and named.ordinal = p.ordinal
        and named.target_type = 'Patient'
),

patients as (
    select
        source,
        received,
        line,
        id,
        min(patient_id) as patient_resource_id,
        max(case when status = 'accepted' then 1 else 0 end) = 1 as is_accepted
    from participants
    where patient_id is not null
    group by source, received, line, id
)

select
    {{ fhir_origin('a') }},
    {{ fhir_order('a') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    a.content_sha256,
    a.version_id,
    coalesce(i.authority, a.source) as appointment_authority,
    coalesce(i.value, a.id) as appointment_id,
    coalesce(a.patient_id, p.patient_resource_id) as patient_resource_id,
    coalesce(p.is_accepted, false) as is_accepted_by_patient,
    coalesce(
        a.practitioner_id, {{ named_id(references, 'a', 'Appointment', 'participant.actor', 'Practitioner') }}
    ) as practitioner_resource_id,
    coalesce(
        a.location_id, {{ named_id(references, 'a', 'Appointment', 'participant.actor', 'Location') }}
    ) as location_resource_id,
    coalesce(
        a.slot_id, {{ named_id(references, 'a', 'Appointment', 'slot', 'Slot') }}
    ) as slot_resource_id,
    coalesce(
        a.based_on_id, {{ named_id(references, 'a', 'Appointment', 'basedOn', 'ServiceRequest') }}
    ) as service_request_resource_id,
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
left join ranked_identifiers as i
    on {{ same_row('i', 'a') }} and i.identifier_rank = 1
left join patients as p
    on {{ same_row('p', 'a') }}
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'a', 'Appointment') }}
{{ join_code_map(ref('code_map_appointment_status'), 'status', 'a.source', 'a.status') }}
