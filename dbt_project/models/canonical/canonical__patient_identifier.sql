-- Grain: one row per patient_key, authority, type and value.
select
    patient_key,
    identifier_authority,
    identifier_type,
    identifier_value,
    is_merged,
    is_identifying,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['placeholder', 'is_placeholder'],
        ['identity_conflict', 'is_in_conflict'],
    ]) }} as quality_flags
from {{ ref('int__identity') }}
