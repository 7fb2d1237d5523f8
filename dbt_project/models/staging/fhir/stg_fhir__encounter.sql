{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of an Encounter; `is_current` marks the winning one.
with identifiers as (
    select *
    from (
        select
            i.source,
            i.received,
            i.line,
            i.id,
            coalesce(known.authority, i.system, i.source) as authority,
            i.value,
            row_number() over (
                partition by i.source, i.received, i.line, i.id order by i.ordinal
            ) as identifier_rank
        from {{ source('lake', 'fhir__encounter_identifier') }} as i
        left join {{ ref('identifier_system') }} as known on known.system = i.system
        where i.value is not null and (i.type_code = 'VN' or known.identifier_type = 'VN')
    )
    where identifier_rank = 1
),

attenders as (
    select *
    from (
        select
            source,
            received,
            line,
            id,
            individual_id,
            row_number() over (
                partition by source, received, line, id
                order by
                    case type_code when 'ATND' then 0 when 'PPRF' then 1 else 2 end,
                    ordinal
            ) as participant_rank
        from (
            select
                p.source,
                p.received,
                p.line,
                p.id,
                p.ordinal,
                p.type_code,
                coalesce(p.individual_id, named.target_id) as individual_id
            from {{ source('lake', 'fhir__encounter_participant') }} as p
            left join {{ ref('stg_fhir__reference') }} as named
                on {{ same_version('named', 'p', 'Encounter') }}
                and named.element = 'participant.individual'
                and named.ordinal = p.ordinal
                and named.target_type = 'Practitioner'
        )
        where individual_id is not null
    )
    where participant_rank = 1
)

select
    {{ fhir_envelope('e') }},
    {{ fhir_order('e') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    e.received,
    e.line,
    e.content_sha256,
    e.version_id,
    i.authority as visit_number_authority,
    i.value as visit_number,
    coalesce(e.appointment_id, {{ named_id(ref('stg_fhir__reference'), 'e', 'Encounter', 'appointment', 'Appointment') }}) as appointment_resource_id,
    coalesce(e.patient_id, {{ named_id(ref('stg_fhir__reference'), 'e', 'Encounter', 'subject', 'Patient') }}) as patient_resource_id,
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
left join identifiers as i
    on i.source = e.source and i.received = e.received and i.line = e.line and i.id = e.id
left join attenders as t
    on t.source = e.source and t.received = e.received and t.line = e.line and t.id = e.id
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'e', 'Encounter') }}
{{ join_code_map(ref('code_map_visit_class'), 'class', 'e.source', 'e.class_code') }}
{{ join_code_map(ref('code_map_discharge_disposition'), 'disposition', 'e.source', 'e.discharge_disposition_code') }}
