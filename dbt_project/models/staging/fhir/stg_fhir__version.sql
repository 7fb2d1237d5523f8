{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a staged resource that is not deleted; a SUBSETTED one only
-- while there is no other.
select
    source,
    resource_type,
    id,
    received,
    line,
    version_rank,
    is_current
from {{ source('lake', 'fhir_version') }}
where
    resource_type in {{ staged_types() }}
    and not is_deleted
    and (is_current or not is_subsetted)
