{{ config(materialized='table', database='scratch') }}
-- Grain: one row per interpretation (repetition of OBX-8) of a request (OBR) of a message; `statement_order`
-- is that of the request in stg_hl7v2__order.
select
    {{ hl7_origin('o') }},
    {{ part_order('e.statement_order', 'o.request_segment') }} as statement_order,
    f.flag as abnormal_flag_code,
    {{ mapped('flag', 'f.flag') }} as abnormal_flag
from {{ ref('stg_hl7v2__observation') }} as o
inner join {{ ref('stg_hl7v2__event') }} as e
    on e.source_system = o.source_system and e.received = o.received and e.message = o.message
inner join {{ source('lake', 'hl7v2__obx_abnormal_flag') }} as f
    on {{ same_message('o', 'f') }} and f.segment = o.segment
{{ join_code_map(ref('code_map_abnormal_flag'), 'flag', 'o.source_system', 'f.flag') }}
where {{ held('f.flag') }} is not null
