-- Grain: one row per Location resource (winning version), with its unit, room and bed by the partOf chain.
with places as (
    select * from {{ ref('stg_fhir__location') }} where is_current
),

chains as (
    select
        p.*,
        one.location_code as one_code,
        one.location_type as one_type,
        two.location_code as two_code,
        two.location_type as two_type
    from places as p
    left join places as one
        on one.source_system = p.source_system and one.resource_id = p.part_of_resource_id
    left join places as two
        on two.source_system = one.source_system and two.resource_id = one.part_of_resource_id
),

parts as (
    select
        *,
        case
            when location_type in ('wa', 'lvl', 'wi') then location_code
            when one_type in ('wa', 'lvl', 'wi') then one_code
            when two_type in ('wa', 'lvl', 'wi') then two_code
            else coalesce(two_code, one_code, location_code)
        end as unit_code,
        case
            when location_type = 'ro' then location_code
            when location_type = 'bd' and one_type = 'ro' then one_code
        end as room_code
    from chains
)

select
    source_system,
    source_ref,
    recorded_at,
    statement_order,
    resource_id,
    facility,
    location_code,
    {{ location_key('facility', 'location_code') }} as location_key,
    {{ location_key('facility', 'unit_code') }} as unit_location_key,
    case when location_type = 'bd' then {{ bed_key('facility', 'location_code') }} end as bed_key,
    unit_code as unit,
    case
        when room_code like unit_code || '-%' then substr(room_code, length(unit_code) + 2)
        else room_code
    end as room,
    case
        when location_type <> 'bd' then null
        when room_code is not null and location_code like room_code || '-%' then substr(location_code, length(room_code) + 2)
        else location_code
    end as bed,
    name,
    phone,
    location_type,
    coalesce(master_status, 'active') as master_status
from parts
