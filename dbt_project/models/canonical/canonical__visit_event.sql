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

stated_events as (
    select
        *,
        has_precedence and cancels is not null and cancels_event_id is null as is_cancel_of_nothing,
        {{ plus_minutes('coalesce(recorded_at, occurred_at)', 60 * var('cancel_waits_hours') | int) }}
            as waits_until_at
    from {{ ref('int__visit_event') }}
),

-- A cancel without its original is pending for a while (the feed may be out of order), then unmatched.
events as (
    select
        e.subject_key,
        e.fold_order,
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
        e.time_precision,
        e.confidence,
        e.cancels_event_id,
        e.is_cancelled,
        e.cancelled_by_event_id,
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
            ['time_inferred', 'e.time_precision is null'],
            ['in_future', 'e.is_in_future'],
            ['restated', "e.held_flag = 'restated'"],
            ['readmitted', 'e.is_new_beginning'],
            ['repeated_end', 'e.is_repeated_end'],
            ['after_end', "e.held_flag = 'after_end'"],
            ['fell_with_beginning', 'e.has_fallen'],
            ['modified_after_cancel', 'e.is_modified_after_cancel'],
            ['after_arrival', "e.held_flag = 'after_arrival'"],
            ['status_contradicts_trigger', 'c.message_ref is not null'],
        ]) }} as quality_flags
    from stated_events as e
    left join contradictions as c on c.message_ref = e.source_ref and c.trigger_text = e.source_trigger
    union all
    -- What rules infer of a visit (seed inference_rule): no message states it, and none has its time.
    select
        visit_key as subject_key,
        fold_order,
        event_id,
        visit_key,
        patient_key,
        bed_key,
        location_key,
        {{ null_columns(['referral_key', 'order_key']) }},
        event_type,
        from_state,
        to_state,
        inferred_at as occurred_at,
        {{ null_columns(['time_precision']) }},
        'inferred' as confidence,
        {{ null_columns(['cancels_event_id']) }},
        false as is_cancelled,
        {{ null_columns(['cancelled_by_event_id']) }},
        source_trigger,
        {{ null_columns(['control_id']) }},
        source_system,
        source_ref,
        inferred_at as recorded_at,
        {{ flags([['time_inferred', 'true'], ['state_inferred', 'to_state is not null']]) }} as quality_flags
    from {{ ref('int__visit_event_inferred') }}
)

select
    e.event_id,
    e.visit_key,
    e.patient_key,
    e.bed_key,
    e.location_key,
    e.referral_key,
    e.order_key,
    e.event_type,
    k.visibility,
    k.bears_phi = 'true' as bears_phi,
    e.from_state,
    e.to_state,
    e.occurred_at,
    e.time_precision,
    case
        when e.subject_key is not null
            then row_number() over (partition by e.subject_key order by e.fold_order)
    end as event_order,
    e.confidence,
    e.cancels_event_id,
    e.is_cancelled,
    e.cancelled_by_event_id,
    e.source_trigger,
    e.control_id,
    e.source_system,
    e.source_ref,
    e.recorded_at,
    e.quality_flags
from events as e
-- Left: an event of a type that the seed lacks fails its contract, and is not lost unseen.
left join {{ ref('event_type') }} as k on k.event_type = e.event_type
union all
-- What happens to an order moves no visit and no bed: canonical__order folds it.
select
    o.event_id,
    o.visit_key,
    coalesce(s.patient_key, o.patient_key) as patient_key,
    {{ null_columns(['bed_key', 'location_key', 'referral_key']) }},
    o.order_key,
    o.event_type,
    k.visibility,
    k.bears_phi = 'true' as bears_phi,
    {{ null_columns(['from_state', 'to_state']) }},
    o.occurred_at,
    o.time_precision,
    row_number() over (
        partition by o.order_key
        order by o.occurred_at nulls first, cast(k.lifecycle as integer), o.statement_order, o.event_id
    ) as event_order,
    'explicit' as confidence,
    {{ null_columns(['cancels_event_id']) }},
    false as is_cancelled,
    {{ null_columns(['cancelled_by_event_id']) }},
    o.source_trigger,
    o.control_id,
    o.source_system,
    o.source_ref,
    o.recorded_at,
    {{ flags([
        ['confirmed_by_other_source', 'o.is_confirmed'],
        ['no_time', 'o.occurred_at is null'],
        ['time_inferred', 'o.time_precision is null'],
        ['in_future', 'o.is_in_future'],
    ]) }} as quality_flags
from {{ ref('int__order_event') }} as o
left join {{ ref('event_type') }} as k on k.event_type = o.event_type
left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = o.patient_key
