-- Grain: one row per visit named in a message (message, patient_group), merges followed.
-- Without a visit number a visit is keyed by patient and admission, planned or actual (derived);
-- a message that has neither belongs to the patient's visit before it.
with visits as (
    select
        source_system,
        received,
        message,
        patient_group,
        statement_order,
        event_type,
        event_region,
        visit_number_authority,
        visit_number,
        coalesce(admit_at, expected_admit_at) is not null
            or event_type in ('admitted', 'arrived', 'pre_admitted', 'admit_pending') as has_admission,
        date_trunc(
            'minute',
            -- By the minute: feeds state the same admission with and without seconds.
            coalesce(admit_at, expected_admit_at, planned_at, occurred_at, recorded_at)
        ) as admission_minute
    from {{ ref('stg_hl7v2__visit') }}
),

keyed as (
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
                then coalesce(
                    n.visit_key,
                    {{ number_visit_key('v.visit_number_authority', 'v.visit_number') }}
                )
            -- The PV1 of a message about a person or a bed is about no visit, whatever it carries.
            when v.event_region is null or v.event_region not in ('visit', 'appointment') then null
            when v.has_admission
                then {{ key('visit', ['p.own_patient_key', "'ADMIT'", time_text('v.admission_minute')]) }}
        end as visit_key,
        case when v.visit_number is null then 'derived' else 'assigned' end as key_quality
    from visits as v
    left join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = v.visit_number_authority and n.visit_number = v.visit_number
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('v', 'p') }}
),

followed as (
    select
        *,
        {{ latest_before('visit_key', 'statement_order', 'own_patient_key') }} as visit_key_before
    from keyed
)

select
    source_system,
    received,
    message,
    patient_group,
    patient_key,
    case
        when visit_key is not null then visit_key
        -- Not an update (A08), which may be about any visit of the patient, not only the last one.
        when event_region in ('visit', 'appointment') and event_type <> 'visit_updated' then visit_key_before
    end as visit_key,
    key_quality
from followed
