-- Grain: one row per visit number that a message said to be another number of the same visit, with
-- the number of that visit that was stated first. Merged and renumbered visits become one; no row that
-- came before is rewritten.
--
-- All numbers that lead to each other are found by doubling, as in int__patient_survivor: 32 steps.
with renumberings as (
    select
        visit_number_authority || '|' || visit_number as one,
        prior_visit_authority || '|' || prior_visit_number as other
    from {{ ref('stg_hl7v2__visit') }} as v
    where
        prior_visit_number is not null
        and visit_number is not null
        and prior_visit_authority || '|' || prior_visit_number
        <> visit_number_authority || '|' || visit_number
        -- MRG-5 alone does not say it: the trigger decides whether the two numbers are one visit.
        and exists (
            select 1
            from {{ ref('trigger_event') }} as t
            where
                t.message_type = v.message_type
                and t.trigger_event = v.trigger_event
                and t.effect in ('visit_merge', 'visit_renumber')
        )
),

-- Both ways, and from each number to itself: two walks joined then hold all shorter ones.
reached_1 as (
    select one, other from renumberings
    union
    select other as one, one as other from renumberings
    union
    select one, one as other from renumberings
    union
    select other as one, other from renumberings
),

{% for steps in [1, 2, 4, 8, 16] %}
reached_{{ steps * 2 }} as (
    select distinct
        first_half.one,
        second_half.other
    from reached_{{ steps }} as first_half
    inner join reached_{{ steps }} as second_half on second_half.one = first_half.other
),

{% endfor %}
statements as (
    select
        visit_number_authority,
        visit_number,
        statement_order
    from {{ ref('stg_hl7v2__visit') }}
    where visit_number is not null
    union all
    select
        prior_visit_authority as visit_number_authority,
        prior_visit_number as visit_number,
        statement_order
    from {{ ref('stg_hl7v2__visit') }}
    where prior_visit_number is not null
),

numbers as (
    select
        visit_number_authority || '|' || visit_number as number_text,
        visit_number_authority,
        visit_number,
        -- The first number keeps the key: a worklist row must not change its id when a visit is renumbered.
        min(statement_order) as statement_order
    from statements
    group by visit_number_authority, visit_number
)

select
    n.visit_number_authority,
    n.visit_number,
    {{ earliest_by('same.visit_number_authority', 'same.statement_order || same.number_text') }}
        as first_authority,
    {{ earliest_by('same.visit_number', 'same.statement_order || same.number_text') }} as first_number
from numbers as n
inner join reached_32 as r on r.one = n.number_text
inner join numbers as same on same.number_text = r.other
group by n.visit_number_authority, n.visit_number
