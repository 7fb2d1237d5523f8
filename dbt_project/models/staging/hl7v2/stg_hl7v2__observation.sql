{{ config(materialized='table', database='scratch') }}
-- Grain: one row per observation (OBX) of a message, with the request (OBR) that it belongs to.
with requests as (
    select
        source,
        received,
        message,
        segment,
        coalesce(
            lead(segment) over (partition by source, received, message order by segment),
            9223372036854775807
        ) as until_segment
    from {{ source('lake', 'hl7v2__obr') }}
)

select
    {{ hl7_origin('m') }},
    r.segment as request_segment,
    x.segment,
    x.result_status as observation_status_code,
    {{ mapped('status', held('x.result_status')) }} as observation_status
from {{ ref('stg_hl7v2__event') }} as m
inner join requests as r on {{ same_message('m', 'r') }}
inner join {{ source('lake', 'hl7v2__obx') }} as x
    on {{ in_same_message('r', 'x') }} and x.segment > r.segment and x.segment < r.until_segment
{{ join_code_map(ref('code_map_observation_status'), 'status', 'm.source_system', 'x.result_status') }}
where m.effect = 'order'
