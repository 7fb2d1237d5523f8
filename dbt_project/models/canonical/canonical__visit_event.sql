-- Grain: one row per event_id. What does not count stays, marked in quality_flags, without a state.
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
),

events as (
    select
        *,
        has_precedence and cancels is not null and cancels_event_id is null as is_cancel_of_nothing,
        {{ plus_minutes('coalesce(recorded_at, occurred_at)', 60 * var('cancel_waits_hours') | int) }}
            as waits_until_at
    from {{ ref('int__visit_event') }}
)

-- A cancel without its original is pending for a while (the feed may be out of order), then unmatched.
select
    e.event_id,
    e.visit_key,
    e.surviving_patient_key as patient_key,
    e.bed_key,
    e.location_key,
    e.referral_key,
    e.order_key,
    e.event_type,
    e.from_state,
    e.to_state,
    e.occurred_at,
    e.confidence,
    e.cancels_event_id,
    e.is_cancelled,
    e.source_trigger,
    e.control_id,
    e.source_system,
    e.source_ref,
    e.recorded_at,
    {{ flags([
        ['confirmed_by_other_source', 'e.is_confirmed'],
        ['outranked', 'e.is_outranked'],
        ['superseded', 'e.is_superseded'],
        ['illegal_transition', 'e.is_illegal'],
        ['pending_cancel', 'e.is_cancel_of_nothing and e.waits_until_at > ' ~ as_of()],
        ['unmatched_cancel', 'e.is_cancel_of_nothing and not (e.waits_until_at > ' ~ as_of() ~ ')'],
        ['no_time', 'e.occurred_at is null'],
        ['in_future', 'e.occurred_at > ' ~ as_of()],
        ['status_contradicts_trigger', 'c.message_ref is not null'],
    ]) }} as quality_flags
from events as e
left join contradictions as c on c.message_ref = e.source_ref and c.trigger_text = e.source_trigger
