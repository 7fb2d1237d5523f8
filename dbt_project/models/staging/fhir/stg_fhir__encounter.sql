{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Encounter; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id order by ordinal
        ) as identifier_rank
    from {{ assigned_identifiers(
        source('lake', 'fhir__encounter_identifier'), ref('identifier_system')
    ) }} as i
    where type_code = 'VN' or system_type = 'VN'
),

participants as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.ordinal,
        p.type_code,
        coalesce(p.individual_id, named.target_id) as individual_id
    from {{ source('lake', 'fhir__encounter_participant') }} as p
    left join {{ references }} as named
        on {{ same_version('named', 'p', 'Encounter') }}
        and named.element = 'participant.individual'
        and named.ordinal = p.ordinal
        and named.target_type = 'Practitioner'
),

-- The attending physician comes first, then the primary performer, then any other person.
ranked_participants as (
    select
        *,
        row_number() over (
            partition by source, received, line, id
            order by case type_code when 'ATND' then 0 when 'PPRF' then 1 else 2 end, ordinal
        ) as participant_rank
    from participants
    where individual_id is not null
)

select
    {{ fhir_origin('e') }},
    {{ fhir_order('e') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    e.received,
    e.line,
    e.content_sha256,
    e.version_id,
    i.authority as visit_number_authority,
    i.value as visit_number,
    coalesce(
        e.appointment_id, {{ named_id(references, 'e', 'Encounter', 'appointment', 'Appointment') }}
    ) as appointment_resource_id,
    coalesce(
        e.patient_id, {{ named_id(references, 'e', 'Encounter', 'subject', 'Patient') }}
    ) as patient_resource_id,
    t.individual_id as practitioner_resource_id,
    e.status,
    {{ mapped('class', 'e.class_code') }} as visit_class,
    e.class_code,
    case
        when e.class_code in ('IMP', 'ACUTE', 'NONAC') then 'inpatient' else 'other'
    end as class_group,
    e.service_type_code as service_type,
    e.reason_code,
    e.period_start_at,
    e.period_end_at,
    e.planned_start_at,
    e.planned_end_at as expected_discharge_at,
    {{ mapped('disposition', 'e.discharge_disposition_code') }} as discharge_disposition,
    e.discharge_disposition_code
from {{ source('lake', 'fhir__encounter') }} as e
left join ranked_identifiers as i
    on {{ same_row('i', 'e') }} and i.identifier_rank = 1
left join ranked_participants as t
    on {{ same_row('t', 'e') }} and t.participant_rank = 1
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'e', 'Encounter') }}
{{ join_code_map(ref('code_map_visit_class'), 'class', 'e.source', 'e.class_code') }}
{{ join_code_map(
    ref('code_map_discharge_disposition'), 'disposition', 'e.source', 'e.discharge_disposition_code'
) }}
