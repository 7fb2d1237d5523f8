{{ config(materialized='table', database='scratch') }}
-- Grain: one row per interpretation of an Observation (winning version): its own and those of its components.
with words as (
    select
        o.source,
        o.file,
        o.line,
        o.id,
        o.stated_at,
        {{ explode(words_of("concat_ws(',', o.interpretations, o.component_interpretations)")) }}
            as abnormal_flag_code
    from {{ current_version(
        source('lake', 'fhir__observation'), ref('stg_fhir__version'), 'Observation'
    ) }} as o
    where
        (o.interpretations is not null or o.component_interpretations is not null)
        and coalesce(o.status, '') <> 'entered-in-error'
)

select
    {{ fhir_origin('w') }},
    w.abnormal_flag_code,
    {{ mapped('flag', 'w.abnormal_flag_code') }} as abnormal_flag
from words as w
{{ join_code_map(ref('code_map_abnormal_flag'), 'flag', 'w.source', 'w.abnormal_flag_code') }}
