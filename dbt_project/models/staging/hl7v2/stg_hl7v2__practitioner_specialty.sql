-- Grain: one row per specialty (PRA-5) of a member of staff of a master file, under each of the keys by which
-- messages may name the member.
select
    s.source_system,
    s.source_ref,
    s.received,
    s.message,
    s.sender,
    s.master,
    s.record_id,
    s.recorded_at,
    s.statement_order,
    s.practitioner_key,
    s.is_stated_active,
    {{ held('p.category') }} as role_code,
    {{ held('x.specialty_name') }} as specialty
from {{ ref('stg_hl7v2__staff') }} as s
inner join {{ ref('stg_hl7v2__master_entry') }} as e
    on e.source_system = s.source_system
    and e.received = s.received
    and e.message = s.message
    and e.segment = s.segment
inner join {{ source('lake', 'hl7v2__pra') }} as p
    on {{ same_message('e', 'p') }} and p.segment > e.segment and p.segment < e.until_segment
inner join {{ source('lake', 'hl7v2__pra_specialty') }} as x
    on {{ same_message('e', 'x') }} and x.segment = p.segment
where {{ held('x.specialty_name') }} is not null
