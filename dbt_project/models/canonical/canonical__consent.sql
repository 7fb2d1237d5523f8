-- Grain: one row per patient_key, channel and purpose: the latest decision, the stricter one of a tie.
-- A permit counts only as a privacy consent and within its period; a denial counts always.
with decisions as (
    select
        p.patient_key,
        c.channel,
        c.purpose,
        c.is_permitted,
        c.scope_code,
        c.provision_period_start_at,
        c.provision_period_end_at,
        c.decided_at is null as has_no_decision_time,
        coalesce(c.decided_at, c.recorded_at) as decided_at,
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
    where
        is_permitted is not null
        and (decided_at is null or decided_at < {{ as_of() }})
        and (
            not is_permitted
            -- A denial needs neither scope nor period: obeying one too many costs a phone call.
            or (
                scope_code = 'patient-privacy'
                and coalesce(provision_period_start_at <= {{ as_of() }}, true)
                and coalesce(provision_period_end_at >= {{ as_of() }}, true)
            )
        )
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
    {{ flags([['no_decision_time', 'has_no_decision_time']]) }} as quality_flags
from {{ first_ranked(
    'valid_decisions',
    'patient_key, channel, purpose',
    'decided_at desc nulls last, is_permitted, statement_order desc, source_ref desc'
) }}
