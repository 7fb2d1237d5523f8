{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a Location; `is_current` marks the winning one.
{% set references = ref('stg_fhir__reference') %}
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source, received, line, id order by identifier_rank, ordinal, value
        ) as code_rank
    from {{ ref('stg_fhir__identifier') }}
    where
        resource_type = 'Location'
        -- What several Locations of a source bear is no code of one of them, unless it is their code.
        and (role = 'identifies' or (role is null and bearers = 1))
)

select
    {{ fhir_origin('l', 'winner') }},
    {{ fhir_order('winner') }} as statement_order,
    winner.is_stamped,
    winner.is_current,
    coalesce(i.authority, l.source) as facility,
    coalesce(i.value, l.id) as location_code,
    coalesce(
        l.part_of_id, {{ named_id(references, 'l', 'Location', 'partOf', 'Location') }}
    ) as part_of_resource_id,
    l.name,
    p.value as phone,
    l.status as master_status,
    l.operational_status_code,
    {{ mapped('bed', 'l.operational_status_code') }} as operational_status,
    t.code as location_type,
    {{ has_modifier(ref('modifier'), 'Location', 'left_out', [['mode', 'l.mode']]) }} as is_left_out
from {{ source('lake', 'fhir__location') }} as l
left join ranked_identifiers as i
    on {{ same_row('i', 'l') }} and i.code_rank = 1
inner join {{ ref('stg_fhir__version') }} as winner
    on {{ same_version('winner', 'l', 'Location') }}
left join {{ ref('stg_fhir__location_telecom') }} as p
    on {{ same_row('p', 'l') }} and p.contact = 'phone' and p.choice = 1
left join {{ chosen_coding(
    source('lake', 'fhir__location_concept'), ['physicalType'], version_keys(),
    none, ref('coding_rank'), 'location_type',
) }} as t
    on {{ same_row('t', 'l') }}
{{ join_code_map(ref('code_map_bed_status'), 'bed', 'l.source', 'l.operational_status_code') }}
