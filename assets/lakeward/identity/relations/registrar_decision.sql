-- The latest decision on each merge; one row per merge_key. Every decision is kept, so that one can be
-- taken back by another.
select
    merge_key,
    decision,
    "at" as decided_at
from (
    select
        *,
        row_number() over (partition by merge_key order by sequence desc) as age_rank
    from {identity_decision}
)
where age_rank = 1
