-- Grain: one row per patient key that was merged, with the key at the end of its chain of merges.
-- The latest merge of a key counts, of those that are applied. In a cycle of merges the survivor of
-- the latest one stays.
--
-- Chains are followed by doubling: two walks of n hops make one of 2n, without recursion, which not every
-- engine has. Five doublings are 32 hops, a record merged 32 times over; engines that write a CTE out at
-- each use plan twice as much for every further one. Whoever still walks after 32 goes round in a cycle.
with latest_merges as (
    select
        prior_own_key,
        {{ latest_by('surviving_own_key', 'statement_order') }} as surviving_own_key,
        max(statement_order) as statement_order
    from {{ ref('int__patient_merge') }}
    where surviving_own_key <> prior_own_key and is_applied
    group by prior_own_key
),

hop_1 as (
    select
        prior_own_key as start_key,
        surviving_own_key as at_key,
        statement_order || surviving_own_key as latest_merge
    from latest_merges
),

{% for hops in [1, 2, 4, 8, 16] %}
hop_{{ hops * 2 }} as (
    select
        first_half.start_key,
        coalesce(second_half.at_key, first_half.at_key) as at_key,
        greatest(first_half.latest_merge, coalesce(second_half.latest_merge, '')) as latest_merge
    from hop_{{ hops }} as first_half
    left join hop_{{ hops }} as second_half on second_half.start_key = first_half.at_key
),

{% endfor %}
-- 36: the length of a key (UUID). The 32 hops after the first 32 pass the whole of a cycle, whatever led
-- into it, so all of its keys find the same latest merge.
survivors as (
    select
        first_hops.start_key as own_patient_key,
        coalesce(right(further_hops.latest_merge, 36), first_hops.at_key) as patient_key
    from hop_32 as first_hops
    left join hop_32 as further_hops on further_hops.start_key = first_hops.at_key
)

select
    own_patient_key,
    patient_key
from survivors
where patient_key <> own_patient_key
