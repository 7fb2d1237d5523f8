-- Grain: one row per replacement of a master file that a source delivered, applied or not.
select
    {{ key('master_file', ['source_system', 'sender', 'master', 'cast(received as string)']) }}
        as master_file_key,
    master,
    sender,
    record_count,
    count_before,
    case when is_blocked then 'blocked' else 'applied' end as state,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['partial_master', 'is_blocked']]) }} as quality_flags
from {{ ref('int__master_file') }}
