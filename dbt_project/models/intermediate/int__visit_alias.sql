-- Grain: one row per visit number that a message said to be another number of the same visit, with
-- the number of that visit that was stated first. Merged and renumbered visits become one; no row that
-- came before is rewritten.
--
-- All numbers that lead to each other are found by doubling, as in int__patient_survivor: 32 steps.
with renumberings as (
    select
        visit_number_text as one,
        prior_text as other
    from {{ ref('int__message_number') }} as v
    where
        prior_text <> visit_number_text
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

-- Beside its number a visit names the alternate one (PV1-50) and that of its pre-admission (PV1-5).
other_numbers as (
    select visit_number_text, alternate_text as other_text, patient_key, statement_order
    from {{ ref('int__message_number') }}
    where alternate_text <> visit_number_text
    union all
    select visit_number_text, preadmit_text as other_text, patient_key, statement_order
    from {{ ref('int__message_number') }}
    where preadmit_text <> visit_number_text
),

-- Only where the other number was that of a visit of this patient, and only of the first visit that names
-- it: an account that stands in PV1-50 is named by all visits on it.
second_numbers as (
    select
        {{ earliest_by('o.visit_number_text', 'o.statement_order || o.visit_number_text') }} as one,
        o.other_text as other
    from other_numbers as o
    where exists (
        select 1
        from {{ ref('int__message_number') }} as named
        where named.visit_number_text = o.other_text and named.patient_key = o.patient_key
    )
    group by o.other_text
),

pairs as (
    select one, other from renumberings
    union
    select one, other from second_numbers
),

-- Both ways, and from each number to itself: two walks joined then hold all shorter ones.
reached_1 as (
    select one, other from pairs
    union
    select other as one, one as other from pairs
    union
    select one, one as other from pairs
    union
    select other as one, other from pairs
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
    {% for authority, number in [
        ('visit_number_authority', 'visit_number'),
        ('prior_visit_authority', 'prior_visit_number'),
    ] %}
    select
        {{ authority }} as visit_number_authority,
        {{ number }} as visit_number,
        statement_order
    from {{ ref('int__message_number') }}
    where {{ number }} is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
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
