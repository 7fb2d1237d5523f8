-- Grain: one row per record of a master file: the last that applied entries state of it. Entries of a
-- replacement that was blocked do not count; a record that an applied replacement left out is gone.
with applied as (
    select e.*
    from {{ ref('stg_hl7v2__master_entry') }} as e
    left join {{ ref('int__master_file') }} as f
        on e.file_event = 'REP'
        and f.source_system = e.source_system
        and f.sender = e.sender
        and f.master = e.master
        and f.received = e.received
    where e.record_id is not null and not coalesce(f.is_blocked, false)
),

last_replacements as (
    select
        source_system,
        sender,
        master,
        max(statement_order) as statement_order
    from {{ ref('int__master_file') }}
    where not is_blocked
    group by source_system, sender, master
),

-- A deletion (MDL) or deactivation (MDC) names the record alone: its details are those stated before.
latest as (
    select
        source_system,
        sender,
        master,
        record_id,
        max(statement_order) as statement_order,
        {{ latest_by('record_event', 'statement_order') }} as record_event,
        max(case when record_event in ('MAD', 'MUP', 'MAC') then statement_order end) as detail_order
    from applied
    group by source_system, sender, master, record_id
)

select
    l.source_system,
    l.sender,
    l.master,
    l.record_id,
    coalesce(l.detail_order, l.statement_order) as detail_order,
    l.record_event not in ('MDL', 'MDC')
        and coalesce(l.statement_order >= r.statement_order, true) as is_active
from latest as l
left join last_replacements as r
    on r.source_system = l.source_system and r.sender = l.sender and r.master = l.master
