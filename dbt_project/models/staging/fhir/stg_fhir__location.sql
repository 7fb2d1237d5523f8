{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Location; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id
            order by case when system_type = 'LOC' then 0 else 1 end, ordinal
        ) as identifier_rank
    from {{ assigned_identifiers(
        source('lake', 'fhir__location_identifier'), ref('identifier_system')
    ) }} as i
)

select
    {{ fhir_origin('l') }},
    {{ fhir_order('l') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    coalesce(i.authority, l.source) as facility,
    coalesce(i.value, l.id) as location_code,
    coalesce(
        l.part_of_id, {{ named_id(references, 'l', 'Location', 'partOf', 'Location') }}
    ) as part_of_resource_id,
    l.name,
    l.phone,
    l.status as master_status,
    l.operational_status_code,
    {{ mapped('bed', 'l.operational_status_code') }} as operational_status,
    l.physical_type_code as location_type
from {{ source('lake', 'fhir__location') }} as l
left join ranked_identifiers as i
    on {{ same_row('i', 'l') }} and i.identifier_rank = 1
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'l', 'Location') }}
{{ join_code_map(ref('code_map_bed_status'), 'bed', 'l.source', 'l.operational_status_code') }}
