{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Appointment and patient among its participants, with whether
-- the patient accepted or declined. Who accepted in one entry and declined in another accepted.
{% set references = ref('stg_fhir__reference') %}
with participants as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.status,
        coalesce(p.patient_id, named.target_id) as patient_resource_id
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
        patient_resource_id,
        max(case when status = 'accepted' then 1 else 0 end) = 1 as is_accepted,
        min(case when status = 'declined' then 1 else 0 end) = 1 as is_declined
    from participants
    where patient_resource_id is not null
    group by source, received, line, id, patient_resource_id
)

select
    {{ fhir_origin('a', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_current,
    p.patient_resource_id,
    p.is_accepted,
    p.is_declined
from {{ source('lake', 'fhir__appointment') }} as a
inner join patients as p on {{ same_row('p', 'a') }}
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'a', 'Appointment') }}
