-- Grain: one row per replacement of a master file (REP; one delivered file, one sender), with its size
-- and that of the master before it. A replacement that loses too much is not applied: it is more
-- likely a part of the master than the master. What it is compared with is the last one applied, so
-- the same part a night later is not applied either.
with recursive entries as (
    select
        *,
        lag(record_event) over (
            partition by source_system, sender, master, record_id order by statement_order
        ) as event_before
    from {{ ref('stg_hl7v2__master_entry') }}
    where record_id is not null
),

-- How many records single changes had added and removed, up to each of them.
changes as (
    select
        source_system,
        sender,
        master,
        statement_order,
        sum(
            case
                when record_event = 'MDL' and coalesce(event_before, 'MDL') <> 'MDL' then -1
                when record_event <> 'MDL' and coalesce(event_before, 'MDL') = 'MDL' then 1
                else 0
            end
        ) over (partition by source_system, sender, master order by statement_order) as net_count
    from entries
    where file_event <> 'REP'
),

replacements as (
    select
        source_system,
        sender,
        master,
        received,
        min(statement_order) as statement_order,
        max(recorded_at) as recorded_at,
        max(source_ref) as source_ref,
        count(distinct case when record_event <> 'MDL' then record_id end) as record_count
    from entries
    where file_event = 'REP'
    group by source_system, sender, master, received
),

numbered as (
    select
        r.source_system,
        r.sender,
        r.master,
        r.received,
        r.statement_order,
        r.recorded_at,
        r.source_ref,
        r.record_count,
        coalesce({{ latest_by('c.net_count', 'c.statement_order') }}, 0) as net_count,
        row_number() over (partition by r.source_system, r.sender, r.master order by r.statement_order) as number
    from replacements as r
    left join changes as c
        on c.source_system = r.source_system
        and c.sender = r.sender
        and c.master = r.master
        and c.statement_order < r.statement_order
    group by r.source_system, r.sender, r.master, r.received, r.statement_order, r.recorded_at, r.source_ref, r.record_count
),

walked as (
    select
        source_system,
        sender,
        master,
        number,
        net_count as count_before,
        record_count < net_count * (1 - {{ var('master_shrink_limit') }}) as is_blocked,
        case when record_count < net_count * (1 - {{ var('master_shrink_limit') }}) then net_count else record_count end as count_after,
        net_count
    from numbered
    where number = 1
    union all
    select
        n.source_system,
        n.sender,
        n.master,
        n.number,
        w.count_after + n.net_count - w.net_count as count_before,
        n.record_count < (w.count_after + n.net_count - w.net_count) * (1 - {{ var('master_shrink_limit') }}) as is_blocked,
        case
            when n.record_count < (w.count_after + n.net_count - w.net_count) * (1 - {{ var('master_shrink_limit') }})
                then w.count_after + n.net_count - w.net_count
            else n.record_count
        end as count_after,
        n.net_count
    from walked as w
    inner join numbered as n
        on n.source_system = w.source_system
        and n.sender = w.sender
        and n.master = w.master
        and n.number = w.number + 1
)

select
    n.source_system,
    n.sender,
    n.master,
    n.received,
    n.statement_order,
    n.recorded_at,
    n.source_ref,
    n.record_count,
    cast(w.count_before as bigint) as count_before,
    w.is_blocked
from numbered as n
inner join walked as w
    on w.source_system = n.source_system
    and w.sender = n.sender
    and w.master = n.master
    and w.number = n.number
