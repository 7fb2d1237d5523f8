{{ config(materialized='table', database='scratch') }}
-- Grain: one row per entry (MFE) of a master file message, with the file (MFI) it belongs to and where
-- its segments end. The messages of one file that replace a master (REP) are one replacement.
with entries as (
    select
        *,
        coalesce(
            lead(segment) over (partition by source, received, message order by segment),
            9223372036854775807
        ) as until_segment
    from {{ source('lake', 'hl7v2__mfe') }}
),

files as (
    select * from {{ first_in_message(source('lake', 'hl7v2__mfi')) }} as f
)

select
    {{ hl7_origin('e') }},
    e.sender,
    e.recorded_at,
    {{ part_order('e.statement_order', 'm.segment') }} as statement_order,
    case e.trigger_event when 'M02' then 'staff' else 'location' end as master,
    coalesce(f.file_event, 'UPD') as file_event,
    m.record_event,
    m.segment,
    m.until_segment,
    case e.trigger_event
        when 'M02' then {{ held('m.primary_key_code') }}
        else {{ location_facility('m.location', 'e.sender') }} || '|' || {{ location_code('m.location') }}
    end as record_id,
    {{ location_facility('m.location', 'e.sender') }} as location_facility,
    {{ held('m.location_unit') }} as location_unit,
    {{ held('m.location_room') }} as location_room,
    {{ held('m.location_bed') }} as location_bed,
    {{ location_code('m.location') }} as location_code
from {{ ref('stg_hl7v2__event') }} as e
inner join entries as m on {{ same_message('e', 'm') }}
left join files as f on {{ same_message('e', 'f') }}
where e.effect = 'master'
