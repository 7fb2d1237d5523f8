-- Grain: one row per location_key: the location master's row (MFN before FHIR; a name or phone number
-- that it lacks comes from the other), else what messages name (provisional).
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
        master_status,
        0 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__place') }}
    union all
    select
        location_key,
        name,
        phone,
        unit,
        room,
        bed,
        facility,
        location_type,
        master_status,
        1 as told_rank,
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
        'active' as master_status,
        2 as told_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__message_location') }}
)

select
    location_key,
    told_name as name,
    told_phone as phone,
    unit,
    room,
    bed,
    facility,
    location_type,
    master_status,
    told_rank = 2 as is_provisional,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['provisional', 'told_rank = 2']]) }} as quality_flags
from (
    select
        *,
        first_value(name ignore nulls) over telling_order as told_name,
        first_value(phone ignore nulls) over telling_order as told_phone,
        row_number() over telling_order as telling
    from places
    window telling_order as (
        partition by location_key
        order by told_rank, statement_order desc, source_ref desc
        rows between unbounded preceding and unbounded following
    )
)
where telling = 1
