{{ config(materialized='table', database='scratch') }}
-- Grain: one row per location that a master file message (LOC) states, with its first department (LDP).
with departments as (
    select
        source,
        received,
        message,
        segment,
        active,
        row_number() over (
            partition by source, received, message, location_unit, location_room, location_bed
            order by segment
        ) as department_rank,
        {{ location_code('location') }} as location_code
    from {{ source('lake', 'hl7v2__ldp') }}
)

select
    e.source_system,
    e.source_ref,
    e.received,
    e.message,
    e.segment,
    e.sender,
    e.master,
    e.file_event,
    e.record_event,
    e.record_id,
    e.recorded_at,
    e.statement_order,
    e.location_facility as facility,
    e.location_code,
    e.location_unit as unit,
    e.location_room as room,
    e.location_bed as bed,
    coalesce({{ held('l.description') }}, e.location_code) as name,
    {{ held('l.phone') }} as phone,
    case
        when e.location_bed is not null then 'bd'
        when e.location_room is not null then 'ro'
        else 'wa'
    end as location_type,
    coalesce(d.active, 'A') <> 'I' as is_stated_active
from {{ ref('stg_hl7v2__master_entry') }} as e
left join {{ source('lake', 'hl7v2__loc') }} as l
    on {{ same_message('e', 'l') }} and l.segment > e.segment and l.segment < e.until_segment
left join departments as d
    on {{ same_message('e', 'd') }}
    and d.segment > e.segment
    and d.segment < e.until_segment
    and d.location_code = e.location_code
    and d.department_rank = 1
where e.master = 'location' and e.location_code is not null
