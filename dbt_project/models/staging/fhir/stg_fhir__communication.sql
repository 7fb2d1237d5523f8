-- Grain: one row per Communication and CommunicationRequest resource (winning version) that was not entered
-- in error, with the appointment that it is about.
{% set zone = source_zone('c.source') %}
{% set references = ref('stg_fhir__reference') %}
{% set version = ref('stg_fhir__version') %}
with subjects as (
    select source, received, line, id, {{ earliest_by('appointment_id', 'ordinal') }} as appointment_id
    from {{ source('lake', 'fhir__communication_about') }}
    group by source, received, line, id
),

messages as (
    select
        'Communication' as resource_type,
        m.source,
        m.received,
        m.file,
        m.line,
        m.id,
        m.stated_at,
        m.statement_order,
        m.patient_id,
        m.encounter_id,
        s.appointment_id,
        m.status,
        m.status_reason_code,
        m.category_code,
        m.medium_code,
        m.topic_code,
        case
            when m.sender_patient_id is not null then 'from_patient'
            when m.patient_id is not null then 'to_patient'
        end as direction,
        cast(null as string) as authored_text,
        m.sent_text,
        m.received_text
    from {{ current_version(source('lake', 'fhir__communication'), version, 'Communication') }} as m
    left join subjects as s on {{ same_row('s', 'm') }}
    union all
    select
        'CommunicationRequest' as resource_type,
        m.source,
        m.received,
        m.file,
        m.line,
        m.id,
        m.stated_at,
        m.statement_order,
        m.patient_id,
        m.encounter_id,
        m.appointment_id,
        m.status,
        m.status_reason_code,
        m.category_code,
        m.medium_code,
        cast(null as string) as topic_code,
        case when m.patient_id is not null then 'to_patient' end as direction,
        coalesce(m.authored_on_text, m.occurrence_text) as authored_text,
        cast(null as string) as sent_text,
        cast(null as string) as received_text
    from {{ current_version(
        source('lake', 'fhir__communication_request'), version, 'CommunicationRequest'
    ) }} as m
    where not coalesce(m.do_not_perform, false)
)

select
    {{ fhir_origin('c') }},
    {{ fhir_order('c') }} as statement_order,
    c.resource_type,
    coalesce(
        c.patient_id,
        {{ named_id(references, 'c', 'Communication', 'subject', 'Patient') }},
        {{ named_id(references, 'c', 'CommunicationRequest', 'subject', 'Patient') }}
    ) as patient_resource_id,
    c.encounter_id as encounter_resource_id,
    c.appointment_id as appointment_resource_id,
    c.status,
    c.status_reason_code,
    c.category_code,
    c.medium_code,
    c.topic_code,
    c.direction,
    {{ fhir_placed_at('c.authored_text', 'c.stated_at', zone) }} as authored_at,
    {{ fhir_placed_at('c.sent_text', 'c.stated_at', zone) }} as sent_at,
    {{ fhir_placed_at('c.received_text', 'c.stated_at', zone) }} as received_at
from messages as c
where coalesce(c.status, '') <> 'entered-in-error'
