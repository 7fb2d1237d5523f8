-- Grain: one row per visit number that a message said to be another number of the same visit, with
-- the number of that visit that was told first. Merged and renumbered visits become one; no row that
-- came before is rewritten.
with recursive edges as (
    select
        visit_number_authority || '|' || visit_number as one,
        prior_visit_authority || '|' || prior_visit_number as other
    from {{ ref('stg_hl7v2__visit') }} as v
    where
        prior_visit_number is not null
        and visit_number is not null
        and prior_visit_authority || '|' || prior_visit_number <> visit_number_authority || '|' || visit_number
        and exists (
            select 1
            from {{ ref('trigger_event') }} as t
            where
                t.message_type = v.message_type
                and t.trigger_event = v.trigger_event
                and t.effect in ('visit_merge', 'visit_renumber')
        )
),

steps as (
    select one, other from edges
    union
    select other as one, one as other from edges
),

reached as (
    select one, other from steps
    union
    select r.one, s.other
    from reached as r
    inner join steps as s on s.one = r.other
),

told as (
    select
        visit_number_authority || '|' || visit_number as number_text,
        visit_number_authority,
        visit_number,
        min(statement_order) as statement_order
    from (
        select visit_number_authority, visit_number, statement_order
        from {{ ref('stg_hl7v2__visit') }}
        where visit_number is not null
        union all
        select prior_visit_authority, prior_visit_number, statement_order
        from {{ ref('stg_hl7v2__visit') }}
        where prior_visit_number is not null
    )
    group by visit_number_authority, visit_number
)

select
    n.visit_number_authority,
    n.visit_number,
    {{ earliest_by('f.visit_number_authority', 'f.statement_order || f.number_text') }} as first_authority,
    {{ earliest_by('f.visit_number', 'f.statement_order || f.number_text') }} as first_number
from told as n
inner join reached as r on r.one = n.number_text
inner join told as f on f.number_text = r.other
group by n.visit_number_authority, n.visit_number
