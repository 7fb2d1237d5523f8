-- Grain: one row per location_key: the location master's row, else what messages name (provisional).
with places as (
    select
        location_key,
        name,
        phone,
        unit,
        room,
        bed,
        facility,
        location_type,
        0 as is_provisional,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__fhir_location') }}
    union all
    select
        {{ location_key('facility', 'code') }} as location_key,
        code as name,
        cast(null as varchar) as phone,
        unit,
        room,
        bed,
        facility,
        case when bed is not null then 'bd' when room is not null then 'ro' else 'wa' end as location_type,
        1 as is_provisional,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__message_location') }}
)

select
    location_key,
    name,
    phone,
    unit,
    room,
    bed,
    facility,
    location_type,
    is_provisional = 1 as is_provisional,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['provisional', 'is_provisional = 1']]) }} as quality_flags
from (
    select
        *,
        row_number() over (
            partition by location_key order by is_provisional, statement_order desc, source_ref desc
        ) as telling
    from places
)
where telling = 1
