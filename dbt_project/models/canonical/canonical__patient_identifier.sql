-- Grain: one row per patient_key, authority, type and value.
select
    patient_key,
    identifier_authority,
    identifier_type,
    identifier_value,
    is_merged,
    source_system,
    source_ref,
    recorded_at,
    {{ empty_array() }} as quality_flags
from {{ ref('int__identity') }}
