-- Grain: one row per practitioner_key: the staff master's row, else that of the directory (FHIR), else
-- what messages name (provisional). A specialty that this row lacks is that of a role that holds.
with specialties as (
    select
        practitioner_key,
        {{ earliest_by('specialty', "coalesce(specialty_code, '') || '|' || specialty") }} as specialty
    from {{ ref('canonical__practitioner_role') }}
    where is_active and practitioner_key is not null
    group by practitioner_key
)

select
    p.practitioner_key,
    p.npi,
    p.family_name,
    p.given_names,
    p.display_name,
    coalesce(p.specialty, s.specialty) as specialty,
    p.is_active,
    p.source_system,
    p.source_ref,
    p.recorded_at,
    {{ flags([['provisional', 'p.source_rank = 2']]) }} as quality_flags
from {{ first_ranked(ref('int__practitioner_statement'), 'practitioner_key') }} as p
left join specialties as s on s.practitioner_key = p.practitioner_key
