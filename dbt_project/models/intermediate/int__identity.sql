-- Grain: one row per identifier and patient that it was stated of; merges followed.
with statements as (
    select
        k.own_patient_key,
        i.identifier_authority,
        i.identifier_type,
        i.identifier_value,
        k.statement_order,
        k.source_system,
        k.source_ref,
        k.recorded_at
    from {{ ref('stg_hl7v2__patient_identifier') }} as i
    inner join {{ ref('stg_hl7v2__patient_key') }} as k on {{ same_patient_group('i', 'k') }}
    union all
    select
        -- The identifier that a merge retires: no message may ever have named it besides, and whoever looks
        -- it up still has to find the patient.
        prior_own_key as own_patient_key,
        identifier_authority,
        identifier_type,
        identifier_value,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_hl7v2__merge') }}
    where identifier_type in ('MR', 'PI')
    union all
    select
        p.own_patient_key,
        i.identifier_authority,
        i.identifier_type,
        i.identifier_value,
        p.statement_order,
        p.source_system,
        p.source_ref,
        p.recorded_at
    from {{ ref('stg_fhir__patient_identifier') }} as i
    inner join {{ ref('stg_fhir__patient') }} as p
        on p.source_system = i.source_system and p.resource_id = i.resource_id
    union all
    select
        own_patient_key,
        source_system as identifier_authority,
        -- The id of the resource, which references name and no identifier element repeats.
        'FHIR' as identifier_type,
        resource_id as identifier_value,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_fhir__patient') }}
),

identifiers as (
    select
        i.*,
        coalesce(s.patient_key, i.own_patient_key) as patient_key,
        s.patient_key is not null as is_merged
    from statements as i
    left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = i.own_patient_key
)

select
    patient_key,
    identifier_authority,
    identifier_type,
    identifier_value,
    max(case when is_merged then 1 else 0 end) = 1 as is_merged,
    {{ latest_by('source_system', 'statement_order') }} as source_system,
    {{ latest_by('source_ref', 'statement_order') }} as source_ref,
    max(recorded_at) as recorded_at
from identifiers
group by patient_key, identifier_authority, identifier_type, identifier_value
