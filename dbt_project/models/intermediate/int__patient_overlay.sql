-- Grain: one row per record of a person whose birth date changed in one step together with sex or given
-- name: two people may be under one number, as a mother and her newborn, or one registered over the
-- other. A correction changes one of them.
with statements as (
    select
        r.own_patient_key,
        p.statement_order || p.record_ref as step_order,
        p.birth_date,
        p.administrative_sex,
        p.given_name
    from {{ ref('int__patient_profile') }} as p
    inner join {{ ref('int__patient_record') }} as r on r.record_ref = p.record_ref and r.part = 'own'
    where p.birth_date is not null
),

steps as (
    select
        own_patient_key,
        birth_date,
        administrative_sex,
        given_name,
        lag(birth_date) over (partition by own_patient_key order by step_order) as birth_date_before,
        lag(administrative_sex) over (partition by own_patient_key order by step_order) as sex_before,
        lag(given_name) over (partition by own_patient_key order by step_order) as given_name_before
    from statements
)

select distinct own_patient_key
from steps
where
    birth_date <> birth_date_before
    and (
        coalesce(administrative_sex <> sex_before, false)
        or coalesce(given_name <> given_name_before, false)
    )
