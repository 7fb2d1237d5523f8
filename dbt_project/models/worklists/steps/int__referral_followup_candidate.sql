{{ config(materialized='ephemeral') }}
-- Grain: one row per referral that somebody may have to follow up; suppressed_by says why it is
-- not on the list (null: it is).
--
-- The clock runs from receipt while nothing is booked (being sent back for documents does not
-- stop it), from the failed appointment when one was missed or cancelled, and from the visit
-- while its report is awaited. Targets: 2 days urgent, 7 days routine, 14 days for the report.
with waiting_referrals as (
    select
        *,
        case
            when state in ('unattended', 'appt_cancelled') then coalesce(state_since, received_at)
            when state = 'seen' then coalesce(seen_at, state_since)
            else coalesce(received_at, state_since)
        end as waiting_since,
        case
            when state = 'seen' then 14
            when lower(priority) in ('urgent', 'asap', 'stat') then 2
            else 7
        end as target_days
    from {{ ref('canonical__referral_status') }}
    where
        state in (
            'created', 'docs_incomplete', 'accepted', 'ready_to_schedule', 'unattended',
            'appt_cancelled', 'seen'
        )
),

aged_referrals as (
    select
        *,
        {{ minutes_between('waiting_since', as_of()) }} - target_days * 1440 as breach_minutes
    from waiting_referrals
)

select
    a.referral_key,
    a.referral_key as subject_key,
    a.patient_key,
    coalesce(a.originating_id, a.referral_key) as referral_id,
    a.specialty,
    a.priority,
    a.state,
    a.target_days,
    a.breach_minutes,
    a.waiting_since,
    a.received_at,
    a.referring_practitioner_key,
    a.source_ref,
    case
        when p.is_deceased then 'patient_deceased'
        when p.record_status = 'test' then 'patient_test'
        -- After the patient: of a dead patient's referral nobody has to find out since when it waits.
        when a.breach_minutes is null then 'start_unknown'
        when a.breach_minutes <= 0 then 'within_target'
    end as suppressed_by
from aged_referrals as a
left join {{ ref('canonical__patient') }} as p on p.patient_key = a.patient_key
