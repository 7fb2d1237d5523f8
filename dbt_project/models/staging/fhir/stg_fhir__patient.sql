{{ config(materialized='table', database='scratch') }}
-- Grain: one row per Patient resource (winning version), under the key of its own best identifier.
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source_system, resource_id
            order by
                case identifier_type when 'MR' then 0 else 1 end,
                case when identifier_use = 'old' then 1 else 0 end,
                authority_rank,
                ordinal
        ) as identifier_rank
    from {{ ref('stg_fhir__patient_identifier') }}
    where identifier_type in ('MR', 'PI')
),

patients as (
    select
        p.*,
        coalesce(b.identifier_authority, p.source) as own_authority,
        coalesce(b.identifier_type, 'FHIR') as own_type,
        coalesce(b.identifier_value, p.id) as own_value
    from {{ current_version(source('lake', 'fhir__patient'), ref('stg_fhir__version'), 'Patient') }} as p
    left join ranked_identifiers as b
        on b.source_system = p.source and b.resource_id = p.id and b.identifier_rank = 1
)

select
    {{ fhir_origin('p') }},
    {{ fhir_order('p') }} as statement_order,
    'fhir' as feed,
    {{ key('patient', ['p.own_authority', 'p.own_type', 'p.own_value']) }} as own_patient_key,
    p.own_authority,
    p.own_type,
    p.own_value,
    p.family_name,
    p.given_names,
    p.birth_date,
    {{ mapped('sex', 'p.gender') }} as administrative_sex,
    case
        when p.deceased_at is not null then true
        else p.deceased_boolean
    end as is_deceased,
    p.deceased_at,
    p.phone_mobile,
    p.phone_home,
    p.phone_work,
    p.email,
    p.address_line,
    p.city,
    p.state,
    p.postal_code,
    p.preferred_language,
    p.is_active,
    p.is_test,
    p.replaced_by_id
from patients as p
{{ join_code_map(ref('code_map_administrative_sex'), 'sex', 'p.source', 'p.gender') }}
