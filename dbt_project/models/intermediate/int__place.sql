-- Grain: one row per location key that a location master (MFN) tells, with whether it still holds.
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
from (
    select
        p.*,
        {{ location_key('p.facility', 'p.location_code') }} as location_key,
        m.is_active and p.is_told_active as is_active,
        row_number() over (
            partition by p.facility, p.location_code order by m.is_active desc, p.statement_order desc, p.source_ref desc
        ) as telling
    from {{ ref('stg_hl7v2__place') }} as p
    inner join {{ ref('int__master_record') }} as m
        on m.source_system = p.source_system
        and m.sender = p.sender
        and m.master = p.master
        and m.record_id = p.record_id
        and m.detail_order = p.statement_order
)
where telling = 1
