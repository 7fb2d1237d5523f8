-- Grain: one row per location key that a location master (MFN) states, with whether it is still valid.
with statements as (
    select
        s.location_key,
        s.facility,
        s.location_code,
        s.unit,
        s.room,
        s.bed,
        s.name,
        s.phone,
        s.location_type,
        m.is_active and s.is_stated_active as is_active,
        m.is_active as is_record_active,
        s.statement_order,
        s.source_system,
        s.source_ref,
        s.recorded_at
    from (
        select
            *,
            {{ location_key('facility', 'location_code') }} as location_key
        from {{ ref('stg_hl7v2__location') }}
    ) as s
    inner join {{ ref('int__master_record') }} as m
        on m.source_system = s.source_system
        and m.sender = s.sender
        and m.master = s.master
        and m.record_id = s.record_id
        and m.detail_order = s.statement_order
)

select
    location_key,
    facility,
    location_code,
    unit,
    room,
    bed,
    name,
    phone,
    location_type,
    case when is_active then 'active' else 'inactive' end as master_status,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ first_ranked(
    'statements',
    'facility, location_code',
    'is_record_active desc, statement_order desc, source_ref desc'
) }}
