-- Grain: one row per location_key: the location master's row (MFN before FHIR; a name or phone number
-- that it lacks comes from the other), else what messages name (provisional).
with statements as (
    select
        location_key,
        -- Column by column, for these two alone: a master without phone numbers must not hide those of the
        -- directory, while unit, room and bed of two sources would not fit together.
        {{ first_known('name') }} over best_first as name,
        {{ first_known('phone') }} over best_first as phone,
        unit,
        room,
        bed,
        facility,
        location_type,
        master_status,
        source_rank,
        statement_order,
        source_system,
        source_ref,
        recorded_at
    from {{ ref('int__location_statement') }}
    window best_first as (
        partition by location_key
        order by source_rank, statement_order desc, source_ref desc
        rows between unbounded preceding and unbounded following
    )
)

select
    location_key,
    name,
    phone,
    unit,
    room,
    bed,
    facility,
    location_type,
    master_status,
    source_rank = 2 as is_provisional,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['provisional', 'source_rank = 2']]) }} as quality_flags
from {{ first_ranked('statements', 'location_key') }}
