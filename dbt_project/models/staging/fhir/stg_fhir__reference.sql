{{ config(materialized='table', database='scratch') }}
-- Grain: one row per reference of a version of a staged resource that names a current resource by
-- identifier or urn; all others name it by id, as the views give it.
select
    source,
    resource_type,
    id,
    received,
    line,
    element,
    ordinal,
    target_type,
    target_id
from {{ source('lake', 'resolved_reference') }}
where
    resource_type in {{ staged_types() }}
    and kind in ('conditional', 'logical', 'urn')
    and is_resolved
