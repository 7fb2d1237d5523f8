-- Grain: one row per stored message, and stored resource of a type that is read.
select
    source_system,
    source_ref,
    record_type,
    has_effect,
    outcome,
    object_key
from {{ ref('int__record_outcome') }}
