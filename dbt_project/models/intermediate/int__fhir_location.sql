-- Grain: one row per Location resource (winning version), with its unit, room and bed by the partOf chain.
with locations as (
    select *
    from {{ ref('stg_fhir__location') }}
    where is_current and not is_left_out
),

-- All that a location lies in, however far up, by doubling: 16 steps. The least number of steps is kept, so
-- that locations that are part of each other end, too.
reached_1 as (
    select
        source_system,
        resource_id,
        resource_id as part_of_resource_id,
        0 as steps
    from locations
    union all
    select
        l.source_system,
        l.resource_id,
        l.part_of_resource_id,
        1 as steps
    from locations as l
    inner join locations as parent
        on parent.source_system = l.source_system and parent.resource_id = l.part_of_resource_id
    where l.part_of_resource_id <> l.resource_id
),

{% for steps in [1, 2, 4, 8] %}
reached_{{ steps * 2 }} as (
    select
        lower_half.source_system,
        lower_half.resource_id,
        upper_half.part_of_resource_id,
        min(lower_half.steps + upper_half.steps) as steps
    from reached_{{ steps }} as lower_half
    inner join reached_{{ steps }} as upper_half
        on upper_half.source_system = lower_half.source_system
        and upper_half.resource_id = lower_half.part_of_resource_id
    group by lower_half.source_system, lower_half.resource_id, upper_half.part_of_resource_id
),

{% endfor %}
around as (
    select
        r.source_system,
        r.resource_id,
        a.location_code,
        a.location_type,
        lpad(cast(r.steps as string), 2, '0') || a.location_code as distance
    from reached_16 as r
    inner join locations as a
        on a.source_system = r.source_system and a.resource_id = r.part_of_resource_id
),

chains as (
    select
        source_system,
        resource_id,
        -- The ward, whatever bays, rooms and corridors lie between; else the nearest level or wing.
        {{ earliest_by("case when location_type = 'wa' then location_code end", 'distance') }} as ward_code,
        {{ earliest_by("case when location_type in ('lvl', 'wi') then location_code end", 'distance') }}
            as floor_code,
        -- Where nobody says what is the unit, the outermost that is smaller than a building.
        {{ latest_by(
            "case when coalesce(location_type, '') not in ('bd', 'bu', 'si', 'jdn', 'area')"
            ~ " then location_code end",
            'distance'
        ) }} as outermost_code,
        {{ earliest_by("case when location_type = 'ro' then location_code end", 'distance') }}
            as nearest_room_code
    from around
    group by source_system, resource_id
),

units_and_rooms as (
    select
        l.*,
        coalesce(c.ward_code, c.floor_code, c.outermost_code, l.location_code) as unit_code,
        case when l.location_type in ('ro', 'bd') then c.nearest_room_code end as room_code
    from locations as l
    inner join chains as c on c.source_system = l.source_system and c.resource_id = l.resource_id
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
