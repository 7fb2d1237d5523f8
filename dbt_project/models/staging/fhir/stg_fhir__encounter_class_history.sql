-- Grain: one row per past class of the winning version of an Encounter.
select
    {{ fhir_origin('h') }},
    h.ordinal,
    case when h.class_code in ('IMP', 'ACUTE', 'NONAC') then 'inpatient' else 'other' end as class_group,
    h.period_start_at,
    h.period_end_at
from {{ current_version(
    source('lake', 'fhir__encounter_class_history'), ref('stg_fhir__version'), 'Encounter'
) }} as h
