-- Grain: one row per practitioner_key: the staff master's row, else that of the directory (FHIR), else
-- what messages name (provisional).
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
    {{ flags([['provisional', 'source_rank = 2']]) }} as quality_flags
from {{ first_ranked(ref('int__practitioner_statement'), 'practitioner_key') }}
