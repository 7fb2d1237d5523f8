{{ config(materialized='table', database='scratch') }}
-- Grain: one row per past status of the winning version of an Encounter.
select
    {{ fhir_origin('h') }},
    h.ordinal,
    h.status,
    h.period_start_at,
    h.period_end_at
from {{ current_version(
    source('lake', 'fhir__encounter_status_history'), ref('stg_fhir__version'), 'Encounter'
) }} as h
