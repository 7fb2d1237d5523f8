-- Grain: one row per number that a record states without its authority (kind, source, sender, number,
-- patient), with the authority that it is taken to be of: that of the seed authority_default, else the only
-- one that the same interface states for that number of that patient, else the only one that any does,
-- else the sender's. Where several do, it stays the sender's and is ambiguous: two things are never joined
-- in silence.
with statements as (
    select *
    from {{ ref('int__identifier_statement') }}
),

candidates as (
    select
        bare.kind,
        bare.source_system,
        bare.sender,
        bare.identifier_value,
        bare.subject,
        stated.stated_authority,
        stated.source_system = bare.source_system as is_same_interface
    from statements as bare
    left join statements as stated
        on stated.kind = bare.kind
        and stated.identifier_value = bare.identifier_value
        and stated.stated_authority is not null
        and (stated.subject = bare.subject or stated.subject = '' or bare.subject = '')
    where bare.stated_authority is null
),

counted as (
    select
        kind,
        source_system,
        sender,
        identifier_value,
        subject,
        count(distinct case when is_same_interface then stated_authority end) as own_count,
        min(case when is_same_interface then stated_authority end) as own_authority,
        count(distinct stated_authority) as any_count,
        min(stated_authority) as any_authority
    from candidates
    group by kind, source_system, sender, identifier_value, subject
)

select
    c.kind,
    c.source_system,
    c.sender,
    c.identifier_value,
    c.subject,
    coalesce(
        d.authority,
        case when c.own_count = 1 then c.own_authority end,
        case when c.own_count = 0 and c.any_count = 1 then c.any_authority end,
        c.sender
    ) as authority,
    d.authority is null and (c.own_count > 1 or (c.own_count = 0 and c.any_count > 1)) as is_ambiguous
from counted as c
left join {{ ref('authority_default') }} as d
    on d.source_system = c.source_system
    and d.object = case
        when c.kind in ('visit', 'account') then 'visit'
        when c.kind in ('appointment_filler', 'appointment_placer') then 'appointment'
        when c.kind in ('order_filler', 'order_placer') then 'order'
        else c.kind
    end
