-- Grain: one row per statement of a record about a patient: what shows whether two records are of one
-- person. A value that stands for none (seed placeholder_value), or that an unidentified patient (PID-31)
-- was given, is NULL: it disagrees with nothing.
with statements as (
    select
        {{ message_record_ref('p') }} as record_ref,
        p.statement_order,
        case when not p.is_unidentified then p.birth_date end as birth_date,
        case when not p.is_unidentified then p.administrative_sex end as administrative_sex,
        case when not p.is_unidentified then p.given_names end as given_names,
        case when not p.is_unidentified then p.family_name end as family_name
    from {{ ref('stg_hl7v2__patient') }} as p
    union all
    select
        {{ resource_record_ref('p') }} as record_ref,
        p.statement_order,
        cast(p.birth_date as string) as birth_date,
        p.administrative_sex,
        p.given_names,
        p.family_name
    from {{ ref('stg_fhir__patient') }} as p
)

select
    s.record_ref,
    s.statement_order,
    -- A mistake (see earliest_birth_date) disagrees with nothing, either.
    case
        when p.value is null and s.birth_date >= '{{ var("earliest_birth_date") }}'
            then nullif(nullif(s.birth_date, '""'), '')
    end as birth_date,
    case when s.administrative_sex in ('male', 'female') then s.administrative_sex end as administrative_sex,
    nullif(nullif(lower(split_part(trim(s.given_names), ' ', 1)), '""'), '') as given_name,
    nullif(nullif(lower(trim(s.family_name)), '""'), '') as family_name
from statements as s
left join {{ ref('placeholder_value') }} as p on p.element = 'birth_date' and p.value = s.birth_date
