-- Grain: one row per identifier that identifies a patient, with the record of the person that it belongs
-- to: identifiers that one record states together are one person's, and so are all that lead to each
-- other. The record has the key of the identifier that was stated first, so that the key does not change
-- when others follow, or come in another order.
--
-- Never joined in silence, but flagged: an identifier that records of two people share (birth date and
-- sex or given name differ), or that is stated with more others than a person has (`is_contested`); and
-- identifiers whose chain leads from one such person to another (`is_conflict`). What a merge states of
-- two records, the merge governs (int__patient_merge): from then on they stand together because of it.
--
-- All identifiers that lead to each other are found by doubling, as in int__patient_survivor: 32 steps.
with identifiers as (
    select *
    from {{ ref('int__patient_identifier') }}
    where is_identifying
),

-- A number that is over joins its record only while no other resource has it as its own.
owned_elsewhere as (
    select distinct
        o.record_ref,
        o.identifier_text
    from identifiers as o
    inner join identifiers as c
        on c.identifier_text = o.identifier_text
        and c.record_ref <> o.record_ref
        and c.resource_id is not null
        and not c.is_old
    where o.is_old
),

mentions as (
    select
        i.record_ref,
        i.part,
        i.identifier_text,
        i.statement_order,
        row_number() over (
            partition by i.record_ref, i.part order by i.kind_rank, i.first_order, i.identifier_text
        ) as mention_rank
    from identifiers as i
    left join owned_elsewhere as e
        on e.record_ref = i.record_ref and e.identifier_text = i.identifier_text
    where e.identifier_text is null
),

-- Stated together: the first of a record with each of the others.
pairs as (
    select
        center.identifier_text as one,
        other.identifier_text as other,
        min(center.statement_order) as first_order
    from mentions as center
    inner join mentions as other
        on other.record_ref = center.record_ref
        and other.part = center.part
        and other.mention_rank > 1
    where center.mention_rank = 1 and other.identifier_text <> center.identifier_text
    group by center.identifier_text, other.identifier_text
),

profiles as (
    select
        m.identifier_text,
        {{ latest_by('p.birth_date', 'p.statement_order') }} as birth_date,
        {{ latest_by('p.administrative_sex', 'p.statement_order') }} as administrative_sex,
        {{ latest_by('p.given_name', 'p.statement_order') }} as given_name
    from mentions as m
    inner join {{ ref('int__patient_profile') }} as p on p.record_ref = m.record_ref
    where m.part = 'own'
    group by m.identifier_text
),

neighbours as (
    select
        one,
        other
    from pairs
    union
    select
        other as one,
        one as other
    from pairs
),

contested as (
    select n.one as identifier_text
    from neighbours as n
    left join profiles as p on p.identifier_text = n.other
    group by n.one
    having
        count(*) > {{ var('identifier_shared_limit') }}
        or (
            count(distinct p.birth_date) > 1
            and (count(distinct p.given_name) > 1 or count(distinct p.administrative_sex) > 1)
        )
),

-- Of each merge, the identifiers of the record before it and of the one that stays. A message names the
-- one before; of two resources, what both have is the survivor's.
prior_mentions as (
    select
        s.merge_ref,
        m.identifier_text,
        s.is_of_resource,
        s.statement_order
    from {{ ref('int__patient_merge_statement') }} as s
    inner join mentions as m on m.record_ref = s.prior_record_ref and m.part = s.prior_part
),

surviving_mentions as (
    select
        s.merge_ref,
        m.identifier_text,
        s.is_of_resource
    from {{ ref('int__patient_merge_statement') }} as s
    inner join mentions as m on m.record_ref = s.surviving_record_ref and m.part = 'own'
),

prior_sides as (
    select p.*
    from prior_mentions as p
    left join surviving_mentions as s
        on s.merge_ref = p.merge_ref and s.identifier_text = p.identifier_text and s.is_of_resource
    where s.merge_ref is null
),

surviving_sides as (
    select
        s.merge_ref,
        s.identifier_text
    from surviving_mentions as s
    left join prior_sides as p
        on p.merge_ref = s.merge_ref and p.identifier_text = s.identifier_text
    where p.merge_ref is null
),

-- With what was stated beside them: of the record before, until the merge.
prior_numbers as (
    select
        merge_ref,
        identifier_text,
        is_of_resource,
        statement_order
    from prior_sides
    union
    select
        p.merge_ref,
        n.other as identifier_text,
        p.is_of_resource,
        p.statement_order
    from prior_sides as p
    inner join (
        select one, other, first_order from pairs
        union all
        select other as one, one as other, first_order from pairs
    ) as n on n.one = p.identifier_text and n.first_order < p.statement_order
    left join surviving_sides as s on s.merge_ref = p.merge_ref and s.identifier_text = n.other
    where s.merge_ref is null
),

surviving_numbers as (
    select
        merge_ref,
        identifier_text
    from surviving_sides
    union
    select
        s.merge_ref,
        n.other as identifier_text
    from surviving_sides as s
    inner join neighbours as n on n.one = s.identifier_text
    left join prior_numbers as p on p.merge_ref = s.merge_ref and p.identifier_text = n.other
    where p.merge_ref is null
),

merged_pairs as (
    select distinct
        p.identifier_text as one,
        s.identifier_text as other,
        p.is_of_resource,
        p.statement_order
    from prior_numbers as p
    inner join surviving_numbers as s on s.merge_ref = p.merge_ref
),

checked_pairs as (
    select
        e.one,
        e.other,
        coalesce(
            a.birth_date <> b.birth_date
            and (
                coalesce(a.given_name <> b.given_name, false)
                or coalesce(a.administrative_sex <> b.administrative_sex, false)
            ),
            false
        ) as is_conflict
    from pairs as e
    left join profiles as a on a.identifier_text = e.one
    left join profiles as b on b.identifier_text = e.other
    left join contested as c on c.identifier_text = e.one
    left join contested as d on d.identifier_text = e.other
    where
        c.identifier_text is null
        and d.identifier_text is null
        and not exists (
            select 1
            from merged_pairs as m
            where
                ((m.one = e.one and m.other = e.other) or (m.one = e.other and m.other = e.one))
                and (m.is_of_resource or e.first_order >= m.statement_order)
        )
),

joined_pairs as (
    select
        one,
        other
    from checked_pairs
    where not is_conflict
),

-- Both ways, and from each identifier to itself: two walks joined then hold all shorter ones.
reached_1 as (
    select one, other from joined_pairs
    union
    select other as one, one as other from joined_pairs
    union
    select one, one as other from joined_pairs
    union
    select other as one, other from joined_pairs
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
numbers as (
    select
        identifier_text,
        min(identifier_authority) as identifier_authority,
        min(identifier_type) as identifier_type,
        min(identifier_value) as identifier_value,
        min(first_order) || lpad(cast(min(kind_rank) as string), 3, '0') || identifier_text as number_order
    from identifiers
    group by identifier_text
),

persons as (
    select
        r.one as identifier_text,
        {{ earliest_by('n.identifier_text', 'n.number_order') }} as first_text,
        count(distinct p.birth_date) > 1
            and (count(distinct p.given_name) > 1 or count(distinct p.administrative_sex) > 1)
            as is_conflict
    from reached_32 as r
    inner join numbers as n on n.identifier_text = r.other
    left join profiles as p on p.identifier_text = r.other
    group by r.one
),

conflicting_pairs as (
    select
        one,
        other
    from checked_pairs
    where is_conflict
),

conflicting_persons as (
    select identifier_text
    from persons
    where is_conflict
),

conflicts as (
    select one as identifier_text from conflicting_pairs
    union
    select other as identifier_text from conflicting_pairs
    union
    select identifier_text from conflicting_persons
)

select
    n.identifier_text,
    {{ key('patient', ['f.identifier_authority', 'f.identifier_type', 'f.identifier_value']) }}
        as own_patient_key,
    n.number_order,
    c.identifier_text is not null as is_contested,
    x.identifier_text is not null as is_conflict
from numbers as n
left join persons as p on p.identifier_text = n.identifier_text and not p.is_conflict
inner join numbers as f on f.identifier_text = coalesce(p.first_text, n.identifier_text)
left join contested as c on c.identifier_text = n.identifier_text
left join conflicts as x on x.identifier_text = n.identifier_text
