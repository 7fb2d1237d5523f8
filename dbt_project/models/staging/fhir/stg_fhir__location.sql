{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Location; `is_current` marks the winning one.
with identifiers as (
    select *
    from (
        select
            i.source,
            i.received,
            i.line,
            i.id,
            coalesce(known.authority, i.system, i.source) as authority,
            i.value,
            row_number() over (
                partition by i.source, i.received, i.line, i.id
                order by case when known.identifier_type = 'LOC' then 0 else 1 end, i.ordinal
            ) as identifier_rank
        from {{ source('lake', 'fhir__location_identifier') }} as i
        left join {{ ref('identifier_system') }} as known on known.system = i.system
        where i.value is not null
    )
    where identifier_rank = 1
)

select
    {{ fhir_envelope('l') }},
    {{ fhir_order('l') }} as statement_order,
    {{ fhir_version_order('winner') }} as version_order,
    winner.is_current,
    coalesce(i.authority, l.source) as facility,
    coalesce(i.value, l.id) as location_code,
    coalesce(l.part_of_id, {{ named_id(ref('stg_fhir__reference'), 'l', 'Location', 'partOf', 'Location') }}) as part_of_resource_id,
    l.name,
    l.phone,
    l.status as master_status,
    l.operational_status_code,
    {{ mapped('bed', 'l.operational_status_code') }} as operational_status,
    l.physical_type_code as location_type
from {{ source('lake', 'fhir__location') }} as l
left join identifiers as i
    on i.source = l.source and i.received = l.received and i.line = l.line and i.id = l.id
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'l', 'Location') }}
{{ join_code_map(ref('code_map_bed_status'), 'bed', 'l.source', 'l.operational_status_code') }}
