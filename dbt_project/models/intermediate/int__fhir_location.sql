-- Grain: one row per Location resource (winning version), with its unit, room and bed by the partOf chain.
with locations as (
    select *
    from {{ ref('stg_fhir__location') }}
    where is_current
),

-- A bed lies in a room or in a unit, a room in a unit: two steps up reach the unit.
chains as (
    select
        l.*,
        parent.location_code as parent_code,
        parent.location_type as parent_type,
        grandparent.location_code as grandparent_code,
        grandparent.location_type as grandparent_type
    from locations as l
    left join locations as parent
        on parent.source_system = l.source_system and parent.resource_id = l.part_of_resource_id
    left join locations as grandparent
        on grandparent.source_system = parent.source_system
        and grandparent.resource_id = parent.part_of_resource_id
),

units_and_rooms as (
    select
        *,
        case
            when location_type in ('wa', 'lvl', 'wi') then location_code
            when parent_type in ('wa', 'lvl', 'wi') then parent_code
            when grandparent_type in ('wa', 'lvl', 'wi') then grandparent_code
            else coalesce(grandparent_code, parent_code, location_code)
        end as unit_code,
        case
            when location_type = 'ro' then location_code
            when location_type = 'bd' and parent_type = 'ro' then parent_code
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
    -- Codes repeat those of the location around them: room 5N-101 of unit 5N is room 101.
    case
        when room_code like unit_code || '-%' then substr(room_code, length(unit_code) + 2)
        else room_code
    end as room,
    case
        when location_type <> 'bd' then null
        when room_code is not null and location_code like room_code || '-%'
            then substr(location_code, length(room_code) + 2)
        else location_code
    end as bed,
    name,
    phone,
    location_type,
    coalesce(master_status, 'active') as master_status
from units_and_rooms
