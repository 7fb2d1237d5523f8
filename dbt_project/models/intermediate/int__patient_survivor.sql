-- Grain: one row per patient key that was merged, with the key at the end of its chain of merges.
-- The latest merge of a key counts, of those without a conflict. In a cycle of merges the survivor of the latest one stands.
with recursive edges as (
    select
        prior_own_key,
        {{ latest_by('surviving_own_key', 'statement_order') }} as surviving_own_key,
        max(statement_order) as statement_order
    from {{ ref('int__patient_merge') }}
    where surviving_own_key <> prior_own_key and not is_in_conflict
    group by prior_own_key
),

-- A chain of n merges ends within n hops; whoever still walks after 32 goes round in a cycle.
walks as (
    select
        prior_own_key as start_key,
        surviving_own_key as at_key,
        statement_order,
        1 as hop
    from edges
    union all
    select
        w.start_key,
        e.surviving_own_key as at_key,
        e.statement_order,
        w.hop + 1 as hop
    from walks as w
    inner join edges as e on e.prior_own_key = w.at_key
    where w.hop < 64
),

ends as (
    select
        start_key,
        {{ latest_by('at_key', "lpad(cast(hop as varchar), 2, '0')") }} as chain_end,
        {{ latest_by('case when hop > 32 then at_key end', 'statement_order') }} as cycle_end
    from walks
    group by start_key
)

select
    start_key as own_patient_key,
    coalesce(cycle_end, chain_end) as patient_key
from ends
where coalesce(cycle_end, chain_end) <> start_key
