-- Grain: one row per event_id. What does not count stays, marked in quality_flags, without a state.
-- A cancel without its original is pending for a while (the feed may be out of order), then unmatched.
{% set unmatched = 'is_effective and cancels is not null and cancels_event_id is null' %}
{% set is_waiting = '(' ~ plus_minutes('coalesce(recorded_at, occurred_at)', 60 * var('cancel_waits_hours') | int) ~ ' > ' ~ as_of() ~ ')' %}
-- An appointment status (SCH-25) that is not that of the trigger: the trigger counts.
with contradictions as (
    select distinct
        a.source_ref as message_ref,
        a.message_type || '^' || a.trigger_event as trigger_text
    from {{ ref('stg_hl7v2__appointment') }} as a
    inner join {{ ref('event_type') }} as k on k.event_type = a.event_type
    where
        a.appointment_status is not null
        and k.appointment_status is not null
        and a.appointment_status not in ('', '""', 'unmapped')
        and a.appointment_status <> k.appointment_status
)

select
    event_id,
    visit_key,
    surviving_patient_key as patient_key,
    bed_key,
    location_key,
    referral_key,
    order_key,
    event_type,
    from_state,
    to_state,
    occurred_at,
    confidence,
    cancels_event_id,
    is_cancelled,
    source_trigger,
    control_id,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['confirmed_by_other_source', 'is_confirmed'],
        ['outranked', 'is_outranked'],
        ['superseded', 'is_superseded'],
        ['illegal_transition', 'is_illegal'],
        ['pending_cancel', unmatched ~ ' and ' ~ is_waiting],
        ['unmatched_cancel', unmatched ~ ' and not ' ~ is_waiting],
        ['no_time', 'occurred_at is null'],
        ['in_future', 'occurred_at > ' ~ as_of()],
        ['status_contradicts_trigger', 'c.message_ref is not null'],
    ]) }} as quality_flags
from {{ ref('int__visit_event') }} as e
left join contradictions as c on c.message_ref = e.source_ref and c.trigger_text = e.source_trigger
