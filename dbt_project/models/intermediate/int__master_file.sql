-- Grain: one row per replacement of a master file (REP; one delivered file, one sender), with its size
-- and that of the master before it. A replacement that loses too much is not applied: it is more
-- likely a part of the master than the master. What it is compared with is the last one applied, so
-- the same part a night later is not applied either.
{% set kept_share = '(1 - ' ~ var('master_shrink_limit') ~ ')' %}
with entries as (
    select
        *,
        lag(record_event) over (
            partition by source_system, sender, master, record_id order by statement_order
        ) as event_before
    from {{ ref('stg_hl7v2__master_entry') }}
    where record_id is not null
),

-- How many records single changes had added, less those removed, up to each of them.
changes as (
    select
        source_system,
        sender,
        master,
        statement_order,
        sum(
            case
                -- A record that is deleted twice is one less, and one that is added twice one more.
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
        -- All messages of one delivered file are one replacement, which counts from its first.
        min(statement_order) as statement_order,
        max(recorded_at) as recorded_at,
        max(source_ref) as source_ref,
        count(distinct case when record_event <> 'MDL' then record_id end) as record_count
    from entries
    where file_event = 'REP'
    group by source_system, sender, master, received
),

changes_until as (
    select
        r.source_system,
        r.sender,
        r.master,
        r.received,
        cast({{ latest_by('c.net_count', 'c.statement_order') }} as bigint) as net_count
    from replacements as r
    inner join changes as c
        on c.source_system = r.source_system
        and c.sender = r.sender
        and c.master = r.master
        and c.statement_order < r.statement_order
    group by r.source_system, r.sender, r.master, r.received
),

replacements_in_order as (
    select
        r.*,
        coalesce(c.net_count, 0) as net_count,
        {{ collect_list(struct_of([
            ['record_count', 'r.record_count'],
            ['net_count', 'coalesce(c.net_count, 0)'],
        ])) }} over (
            partition by r.source_system, r.sender, r.master
            order by r.statement_order
            rows between unbounded preceding and 1 preceding
        ) as earlier
    from replacements as r
    left join changes_until as c
        on c.source_system = r.source_system
        and c.sender = r.sender
        and c.master = r.master
        and c.received = r.received
),

-- Whether one is applied depends on all before it, so they are folded: what is carried on is the last
-- one applied. None yet: single changes alone made the master.
compared as (
    select
        *,
        {{ fold_array(
            'earlier',
            struct_of([['record_count', 'cast(0 as bigint)'], ['net_count', 'cast(0 as bigint)']]),
            'case when item.record_count < '
                ~ '(before.record_count + item.net_count - before.net_count) * ' ~ kept_share
                ~ ' then before else item end'
        ) }} as last_applied
    from replacements_in_order
),

sized as (
    select
        *,
        coalesce(last_applied.record_count - last_applied.net_count, 0) + net_count as count_before
    from compared
)

select
    source_system,
    sender,
    master,
    received,
    statement_order,
    recorded_at,
    source_ref,
    record_count,
    count_before,
    record_count < count_before * {{ kept_share }} as is_blocked
from sized
