-- Grain: one row per Communication (winning version) with the patient, and ServiceRequest that it is about.
with requests as (
    select source, received, line, id, based_on_service_request_id as service_request_id
    from {{ source('lake', 'fhir__communication') }}
    where based_on_service_request_id is not null
    union
    select source, received, line, id, service_request_id
    from {{ source('lake', 'fhir__communication_about') }}
    where service_request_id is not null
),

-- What was said to a colleague is no contact with the patient.
recipients as (
    select distinct source, received, line, id
    from {{ source('lake', 'fhir__communication_recipient') }}
    where patient_id is not null or related_person_id is not null
)

select
    {{ fhir_origin('c') }},
    q.service_request_id as service_request_resource_id,
    c.status,
    coalesce(c.sent_at, c.received_at, c.stated_at) as contacted_at
from {{ current_version(
    source('lake', 'fhir__communication'), ref('stg_fhir__version'), 'Communication'
) }} as c
inner join requests as q
    on {{ same_row('q', 'c') }}
left join recipients as r
    on {{ same_row('r', 'c') }}
where r.id is not null or c.sender_patient_id is not null
