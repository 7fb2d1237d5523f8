-- Grain: one row per bed whose status a message states (NPU).
select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 'n.segment') }} as statement_order,
    e.occurred_precision,
    e.is_stamped,
    e.recorded_at,
    e.occurred_at,
    n.segment,
    {{ location_facility('n.location', 'e.sender') }} as location_facility,
    {{ held('n.location_unit') }} as location_unit,
    {{ held('n.location_room') }} as location_room,
    {{ held('n.location_bed') }} as location_bed,
    {{ location_code('n.location') }} as location_code,
    n.bed_status as bed_status_code,
    {{ mapped('status', 'n.bed_status') }} as operational_status
from {{ ref('stg_hl7v2__event') }} as e
inner join {{ source('lake', 'hl7v2__npu') }} as n on {{ same_message('e', 'n') }}
{{ join_code_map(ref('code_map_bed_status'), 'status', 'e.source_system', 'n.bed_status') }}
where {{ held('n.location_bed') }} is not null
