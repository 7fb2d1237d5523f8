-- Grain: one row per patient_key, channel and purpose: the latest decision, the stricter one of a tie.
select
    patient_key,
    channel,
    purpose,
    is_permitted,
    decided_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([['no_decision_time', 'decided_at is null']]) }} as quality_flags
from (
    select
        p.patient_key,
        c.*,
        row_number() over (
            partition by p.patient_key, c.channel, c.purpose
            order by c.decided_at desc nulls last, c.is_permitted, c.statement_order desc, c.source_ref desc
        ) as decision_rank
    from {{ ref('stg_fhir__consent') }} as c
    inner join {{ ref('int__fhir_patient') }} as p
        on p.source_system = c.source_system and p.resource_id = c.patient_resource_id
    where c.is_permitted is not null
)
where decision_rank = 1
