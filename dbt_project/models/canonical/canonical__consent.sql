-- Grain: one row per patient_key, channel and purpose: the latest decision, the stricter one of a tie.
-- A permit counts only as a privacy consent and within its period; a denial counts always.
select
    patient_key,
    channel,
    purpose,
    is_permitted,
    effective_at as decided_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['no_decision_time', 'decided_at is null']]) }} as quality_flags
from (
    select
        p.patient_key,
        c.*,
        coalesce(c.decided_at, c.recorded_at) as effective_at,
        row_number() over (
            partition by p.patient_key, c.channel, c.purpose
            order by
                coalesce(c.decided_at, c.recorded_at) desc nulls last,
                c.is_permitted,
                c.statement_order desc,
                c.source_ref desc
        ) as decision_rank
    from {{ ref('stg_fhir__consent') }} as c
    inner join {{ ref('int__fhir_patient') }} as p
        on p.source_system = c.source_system and p.resource_id = c.patient_resource_id
    where
        c.is_permitted is not null
        and (coalesce(c.decided_at, c.recorded_at) is null or coalesce(c.decided_at, c.recorded_at) < {{ as_of() }})
        and (
            not c.is_permitted
            or (
                c.scope_code = 'patient-privacy'
                and coalesce(c.provision_period_start_at <= {{ as_of() }}, true)
                and coalesce(c.provision_period_end_at >= {{ as_of() }}, true)
            )
        )
)
where decision_rank = 1
