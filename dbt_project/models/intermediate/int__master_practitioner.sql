-- Grain: one row per practitioner key that a staff master (MFN) states, with whether it is still valid.
with statements as (
    select
        s.practitioner_key,
        s.npi,
        s.family_name,
        s.given_names,
        s.display_name,
        s.specialty,
        m.is_active and s.is_stated_active as is_active,
        m.is_active as is_record_active,
        s.statement_order,
        s.source_system,
        s.source_ref,
        s.recorded_at
    from {{ ref('stg_hl7v2__staff') }} as s
    inner join {{ ref('int__master_record') }} as m
        on m.source_system = s.source_system
        and m.sender = s.sender
        and m.master = s.master
        and m.record_id = s.record_id
        and m.detail_order = s.statement_order
)

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
from {{ first_ranked(
    'statements',
    'practitioner_key',
    'is_record_active desc, statement_order desc, source_ref desc'
) }}
