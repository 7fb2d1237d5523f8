-- Grain: one row per practitioner key that a staff master tells, with whether it still holds.
select
    practitioner_key,
    npi,
    family_name,
    given_names,
    display_name,
    specialty,
    is_active,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from (
    select
        s.*,
        m.is_active and s.is_told_active as is_active,
        row_number() over (
            partition by s.practitioner_key order by m.is_active desc, s.statement_order desc, s.source_ref desc
        ) as telling
    from {{ ref('stg_hl7v2__staff') }} as s
    inner join {{ ref('int__master_record') }} as m
        on m.source_system = s.source_system
        and m.sender = s.sender
        and m.master = s.master
        and m.record_id = s.record_id
        and m.detail_order = s.statement_order
)
where telling = 1
