-- The latest state of every delivered file; one row per (source, received).
select
    source, received, day, file, sha256, bytes, promised, found, stored, duplicate, quarantined, state,
    kind, promised_type, transaction_time, export_group
from (
    select
        *,
        row_number() over (partition by source, received order by step desc) as step_rank
    from {schema}.ledger_entry
)
where step_rank = 1
