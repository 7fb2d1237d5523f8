-- Grain: one row per patient_key, channel and purpose: the latest decision, the stricter one of a tie. A time
-- that is known in part counts against the permission: it permits from its beginning and denies to its end.
with decisions as (
    select
        p.patient_key,
        c.channel,
        c.purpose,
        c.is_permitted,
        c.is_refusal,
        c.decided_text is null as has_no_decision_time,
        c.decided_text is not null and c.decided_at is null as has_partial_decision_time,
        case
            when c.is_permitted then c.decided_earliest_at
            else coalesce(c.decided_latest_at, c.recorded_at)
        end as counted_at,
        coalesce(
            c.decided_at,
            case
                when c.is_permitted then c.decided_earliest_at
                -- Not `least`, to which nothing known is the cut-off.
                when c.decided_latest_at > {{ as_of() }} then {{ as_of() }}
                else c.decided_latest_at
            end,
            c.recorded_at
        ) as decided_at,
        c.decided_earliest_at,
        c.statement_order,
        c.source_system,
        c.source_ref,
        c.recorded_at
    from {{ ref('stg_fhir__consent') }} as c
    inner join {{ ref('int__fhir_patient') }} as p
        on p.source_system = c.source_system and p.resource_id = c.patient_resource_id
),

valid_decisions as (
    select *
    from decisions
    where coalesce(decided_earliest_at, decided_at) is null
        or coalesce(decided_earliest_at, decided_at) < {{ as_of() }}
)

select
    patient_key,
    channel,
    purpose,
    is_permitted,
    decided_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_decision_time', 'has_no_decision_time'],
        ['partial_decision_time', 'has_partial_decision_time'],
        ['consent_rejected', 'is_refusal'],
    ]) }} as quality_flags
from {{ first_ranked(
    'valid_decisions',
    'patient_key, channel, purpose',
    'counted_at desc nulls last, is_permitted, statement_order desc, source_ref desc'
) }}
