-- Grain: one row per patient_key, channel and purpose: the strictest of what Consents decided last and of
-- what each directive of messages says now. A time that is known in part counts against the permission: it
-- permits from its beginning and denies to its end.
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
),

chosen_decisions as (
    select *
    from {{ first_ranked(
        'valid_decisions',
        'patient_key, channel, purpose',
        'counted_at desc nulls last, is_permitted, statement_order desc, source_ref desc'
    ) }}
),

directives as (
    select
        p.patient_key,
        d.element,
        d.is_known,
        d.channel,
        d.is_permitted,
        d.begins_at,
        d.ends_at,
        d.statement_order,
        d.source_system,
        d.source_ref,
        d.recorded_at,
        -- A message restates a directive whole: of the ways of contact that it does not name, too.
        rank() over (
            partition by p.patient_key, d.directive, d.is_known order by d.statement_order desc
        ) as age_rank,
        -- A later code that nobody can read takes back a permission, and no denial.
        rank() over (
            partition by p.patient_key, d.directive order by d.statement_order desc
        ) as any_rank
    from {{ ref('stg_hl7v2__contact_directive') }} as d
    inner join {{ ref('int__message_patient') }} as p on {{ same_patient_group('d', 'p') }}
    where d.recorded_at is null or d.recorded_at < {{ as_of() }}
),

-- A permission holds from its day, a denial from when it is known.
valid_directives as (
    select *
    from directives
    where
        age_rank = 1
        and is_permitted is not null
        and (any_rank = 1 or not is_permitted)
        and (ends_at is null or ends_at >= {{ as_of() }})
        and (not is_permitted or begins_at is null or begins_at < {{ as_of() }})
),

all_decisions as (
    select
        patient_key,
        channel,
        purpose,
        is_permitted,
        'Consent' as stated_in,
        counted_at,
        decided_at,
        statement_order,
        source_system,
        source_ref,
        recorded_at,
        has_no_decision_time,
        has_partial_decision_time,
        is_refusal
    from chosen_decisions
    union all
    select
        patient_key,
        channel,
        'TREAT' as purpose,
        is_permitted,
        element as stated_in,
        recorded_at as counted_at,
        recorded_at as decided_at,
        statement_order,
        source_system,
        source_ref,
        recorded_at,
        true as has_no_decision_time,
        false as has_partial_decision_time,
        false as is_refusal
    from valid_directives
)

select
    patient_key,
    channel,
    purpose,
    is_permitted,
    stated_in,
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
    'all_decisions',
    'patient_key, channel, purpose',
    'is_permitted, counted_at desc nulls last, statement_order desc, source_ref desc'
) }}
