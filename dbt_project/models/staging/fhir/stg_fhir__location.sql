{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Location; `is_current` marks the winning one.
with identifiers as (
    select *
    from (
        select
            i.source,
            i.received,
            i.line,
            coalesce(known.authority, i.system, i.source) as authority,
            i.value,
            row_number() over (
                partition by i.source, i.received, i.line
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
    {{ fhir_version_order('l') }} as version_order,
    winner.line is not null as is_current,
    coalesce(i.authority, l.source) as facility,
    coalesce(i.value, l.id) as location_code,
    l.part_of_id as part_of_resource_id,
    l.name,
    l.phone,
    l.status as master_status,
    l.operational_status_code,
    {{ mapped('bed', 'l.operational_status_code') }} as operational_status,
    l.physical_type_code as location_type
from {{ source('lake', 'fhir__location') }} as l
left join identifiers as i
    on i.source = l.source and i.received = l.received and i.line = l.line
left join {{ source('lake', 'fhir_current') }} as winner
    on winner.source = l.source
    and winner.received = l.received
    and winner.line = l.line
    and winner.resource_type = 'Location'
{{ join_code_map(ref('code_map_bed_status'), 'bed', 'l.source', 'l.operational_status_code') }}
