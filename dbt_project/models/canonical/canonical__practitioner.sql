-- Grain: one row per practitioner_key: the staff master's row, else that of the directory (FHIR), else
-- what messages name (provisional).
with people as (
    select
        practitioner_key,
        npi,
        family_name,
        given_names,
        display_name,
        specialty,
        is_active,
        0 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__staff') }}
    union all
    select
        practitioner_key,
        npi,
        family_name,
        given_names,
        display_name,
        cast(null as varchar) as specialty,
        true as is_active,
        1 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_fhir__practitioner') }}
    union all
    select
        practitioner_key,
        case when length(practitioner_id) = 10 and {{ try_cast_to('practitioner_id', 'bigint') }} is not null then practitioner_id end as npi,
        family_name,
        given_names,
        nullif(concat_ws(' ', given_names, family_name), '') as display_name,
        cast(null as varchar) as specialty,
        true as is_active,
        2 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_hl7v2__person') }}
    union all
    select
        referring_practitioner_key as practitioner_key,
        case when length(referring_id) = 10 then referring_id end as npi,
        referring_family_name as family_name,
        referring_given_name as given_names,
        nullif(concat_ws(' ', referring_given_name, referring_family_name), '') as display_name,
        cast(null as varchar) as specialty,
        true as is_active,
        2 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('stg_hl7v2__referral') }}
    where referring_practitioner_key is not null
)

select
    practitioner_key,
    npi,
    family_name,
    given_names,
    display_name,
    specialty,
    is_active,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['provisional', 'told_rank = 2']]) }} as quality_flags
from (
    select
        *,
        row_number() over (
            partition by practitioner_key order by told_rank, statement_order desc, source_ref desc
        ) as telling
    from people
)
where telling = 1
