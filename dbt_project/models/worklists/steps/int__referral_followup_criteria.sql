{{ config(materialized='ephemeral') }}
-- Grain: one row per referral: whether somebody may have to follow it up, by the criterion below, with
-- the facts by which it and the suppressions are decided.
--
-- The clock runs from receipt while nothing is booked (being sent back for documents does not
-- stop it), from the failed appointment when one was missed or cancelled, and from the visit
-- while its report is awaited. Targets: 2 days urgent, 7 days routine, 14 days for the report.
{% set criteria = [
    (
        'waits_for_the_desk',
        "a.state in ('created', 'docs_incomplete', 'accepted', 'ready_to_schedule', 'unattended',"
        " 'appt_cancelled', 'seen')",
    ),
] %}
with timed_referrals as (
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
),

aged_referrals as (
    select
        *,
        {{ minutes_between('waiting_since', as_of()) }} - target_days * 1440 as breach_minutes
    from timed_referrals
)

select
    a.referral_key,
    a.referral_key as subject_key,
    a.patient_key,
    {{ null_columns(['visit_key', 'bed_key']) }},
    a.originating_id,
    a.specialty,
    a.priority,
    a.state,
    a.target_days,
    a.breach_minutes,
    a.waiting_since,
    a.received_at,
    a.referring_practitioner_key,
    a.source_ref,
    p.record_status as patient_status,
    p.is_deceased as is_patient_deceased,
    {{ criteria_hold(criteria) }} as is_candidate,
    {{ failed_criteria(criteria) }} as failed_criteria,
    {{ facts([
        ('state', 'a.state'),
        ('state_since', local_date('a.state_since')),
        ('waiting_since', local_date('a.waiting_since')),
        ('target_days', 'a.target_days'),
        ('minutes_past_target', 'a.breach_minutes'),
        ('patient', "coalesce(p.record_status, 'unknown')"),
        ('patient_is_deceased', 'p.is_deceased'),
    ]) }} as facts
from aged_referrals as a
left join {{ ref('canonical__patient') }} as p on p.patient_key = a.patient_key
