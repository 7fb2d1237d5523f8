-- Grain: one row per visit named in a message (message, patient_group), merges followed.
-- Without a visit number a visit is keyed by patient and admission, planned or actual (derived);
-- a message that has neither belongs to the patient's visit before it.
with named as (
    select
        v.source_system,
        v.received,
        v.message,
        v.patient_group,
        v.statement_order,
        v.event_type,
        v.event_region,
        p.own_patient_key,
        p.patient_key,
        case
            when v.visit_number is not null
                then coalesce(n.visit_key, {{ number_visit_key('v.visit_number_authority', 'v.visit_number') }})
            when v.event_region is null or v.event_region not in ('visit', 'appointment') then null
            when coalesce(v.admit_at, v.expected_admit_at) is not null
                or v.event_type in ('admitted', 'arrived', 'pre_admitted', 'admit_pending')
                then {{ key('visit', ['p.own_patient_key', "'ADMIT'", time_text("date_trunc('minute', coalesce(v.admit_at, v.expected_admit_at, v.planned_at, v.occurred_at, v.recorded_at))")]) }}
        end as visit_key,
        case when v.visit_number is null then 'derived' else 'assigned' end as key_quality
    from {{ ref('stg_hl7v2__visit') }} as v
    left join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = v.visit_number_authority and n.visit_number = v.visit_number
    left join {{ ref('int__message_patient') }} as p
        on p.source_system = v.source_system
        and p.received = v.received
        and p.message = v.message
        and p.patient_group = v.patient_group
),

followed as (
    select
        *,
        right(
            max(statement_order || '|' || visit_key) over (
                partition by own_patient_key
                order by statement_order
                rows between unbounded preceding and 1 preceding
            ),
            36
        ) as visit_key_before
    from named
)

select
    source_system,
    received,
    message,
    patient_group,
    patient_key,
    case
        when visit_key is not null then visit_key
        when event_region in ('visit', 'appointment') and event_type <> 'visit_updated' then visit_key_before
    end as visit_key,
    key_quality
from followed
