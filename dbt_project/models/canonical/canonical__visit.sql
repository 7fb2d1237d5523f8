-- Grain: one row per visit_key. State comes from canonical__visit_event alone; what else is known
-- comes from the statements of the feeds, the best-ranked feed first (seed authority).
{% set schedule = ['appointment_id', 'service_type', 'appointment_type', 'cancel_reason_code'] %}
{% set schedule_times = ['scheduled_start_at', 'scheduled_end_at', 'booked_at'] %}
{% set movement = ['visit_number', 'visit_class', 'discharge_disposition', 'fhir_status'] %}
with by_feed as (
    select
        visit_key,
        feed,
        {% for name in schedule + schedule_times + movement + ['reason_code', 'expected_discharge_at', 'duration_minutes', 'practitioner_key', 'location_key', 'patient_key'] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        {{ earliest_by('scheduled_start_at', 'statement_order') }} as original_start_at,
        min(key_quality) as key_quality,
        {{ latest_by('source_system', 'statement_order') }} as source_system,
        {{ latest_by('source_ref', 'statement_order') }} as source_ref,
        {{ latest_by('recorded_at', 'statement_order') }} as recorded_at,
        max(statement_order) as statement_order
    from {{ ref('int__visit_statement') }}
    group by visit_key, feed
),

attributes as (
    select
        f.visit_key,
        {% for name in schedule %}
        {{ decided('f.' ~ name, 'a.schedule_rank') }} as {{ name }},
        {% endfor %}
        {% for name in schedule_times + ['original_start_at'] %}
        {{ earliest_by('f.' ~ name, 'a.schedule_rank') }} as {{ name }},
        {% endfor %}
        {% for name in movement %}
        {{ decided('f.' ~ name, 'a.movement_rank') }} as {{ name }},
        {% endfor %}
        {{ decided('f.reason_code', 'a.clinical_rank') }} as reason_code,
        {{ decided_at('f.expected_discharge_at', 'a.clinical_rank') }} as expected_discharge_at,
        {{ earliest_by('f.duration_minutes', 'a.schedule_rank') }} as duration_minutes,
        {{ decided('f.practitioner_key', 'a.schedule_rank') }} as practitioner_key,
        {{ earliest_by('f.location_key', 'a.schedule_rank') }} as planned_location_key,
        {{ earliest_by('f.patient_key', 'a.movement_rank') }} as patient_key,
        count(distinct f.patient_key) as patients,
        count(distinct case when f.feed in ('siu', 'fhir') then f.scheduled_start_at end) as starts,
        min(f.key_quality) as key_quality,
        {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
        {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
        {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at
    from by_feed as f
    left join {{ authority_ranks(ref('authority'), 'visit', ['schedule', 'movement', 'clinical']) }} as a
        on a.feed = f.feed
    group by f.visit_key
),

events as (
    select
        e.*,
        k.region,
        k.appointment_status as type_appointment_status,
        k.location_effect,
        {{ time_text('e.occurred_at') }} || {{ time_text('e.recorded_at') }} || lpad(cast(k.lifecycle as varchar), 3, '0') || e.event_id as fold_order,
        not e.is_cancelled
            and not {{ has_flag('e.quality_flags', 'confirmed_by_other_source') }}
            and not {{ has_flag('e.quality_flags', 'outranked') }}
            and not {{ has_flag('e.quality_flags', 'superseded') }}
            and not {{ is_waiting_cancel('e') }} as is_standing
    from {{ ref('canonical__visit_event') }} as e
    inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
    where e.visit_key is not null
),

-- A cancelled move or discharge leaves the place before it standing; so does a cancel.
places as (
    select
        visit_key,
        {{ latest_by("case when location_effect = 'occupy' then coalesce(location_key, '') when location_effect = 'release' then '' end", 'fold_order') }} as location_key,
        {{ latest_by("case when location_effect = 'occupy' then coalesce(bed_key, '') when location_effect = 'release' then '' end", 'fold_order') }} as bed_key,
        {{ latest_by("case when location_effect = 'occupy' then location_key end", 'fold_order') }} as last_location_key,
        {{ latest_by("case when location_effect = 'reserve' then location_key when location_effect in ('occupy', 'release', 'unreserve') then '' end", 'fold_order') }} as pending_location_key
    from events
    where is_standing and not (location_effect = 'occupy' and location_key is null)
    group by visit_key
),

folded as (
    select
        visit_key,
        {{ latest_by('case when is_standing then to_state end', 'fold_order') }} as main_state,
        {{ latest_by('case when is_standing and to_state is not null and (from_state is null or from_state <> to_state) then occurred_at end', 'fold_order') }} as state_since,
        {{ latest_by('case when is_standing then type_appointment_status end', 'fold_order') }} as appointment_status,
        count(case when is_standing and event_type = 'appointment_rescheduled' then 1 end) as reschedule_count,
        min(case when is_standing and event_type = 'appointment_booked' then occurred_at end) as booked_at,
        min(case when is_standing and event_type = 'arrived' then occurred_at end) as arrived_at,
        min(case when is_standing and event_type = 'roomed' then occurred_at end) as roomed_at,
        min(case when is_standing and event_type = 'admitted' then occurred_at end) as admit_at,
        max(case when is_standing and event_type = 'discharge_ordered' then occurred_at end) as discharge_ordered_at,
        max(case when is_standing and event_type = 'departed' then occurred_at end) as discharge_at,
        count(case when is_standing and event_type = 'departed' then 1 end) as departures,
        {{ latest_by('case when is_standing then event_id end', 'fold_order') }} as last_event_id,
        {{ latest_by("case when is_standing and event_type in ('appointment_requested', 'waitlisted', 'appointment_booked', 'appointment_rescheduled', 'appointment_cancelled', 'appointment_no_show', 'appointment_deleted') then source_ref end", 'fold_order') }} as last_change_ref,
        {{ latest_by("case when is_standing and region = 'appointment' then source_ref end", 'fold_order') }} as last_appointment_ref,
        max(case when {{ has_flag('quality_flags', 'illegal_transition') }} then 1 else 0 end) as illegal_transitions,
        max(case when {{ has_flag('quality_flags', 'outranked') }} then 1 else 0 end) as outranked_events,
        count(distinct case when is_standing then patient_key end) as patients,
        count(case when event_type = 'visit_moved' then 1 end) as moves_between_patients,
        {{ latest_by('patient_key', 'fold_order') }} as patient_key,
        {{ latest_by('source_system', 'fold_order') }} as source_system,
        {{ latest_by('source_ref', 'fold_order') }} as source_ref,
        max(recorded_at) as recorded_at
    from events
    group by visit_key
),

waits as (
    select
        visit_key,
        {{ collect_set('order_category') }} as open_waits
    from {{ ref('canonical__order') }}
    where
        visit_key is not null
        and status in ('active', 'on-hold')
        and order_category in ('lab', 'imaging', 'consult', 'transport', 'bed')
        and coalesce(result_status, 'registered') not in ('final', 'corrected', 'cancelled')
    group by visit_key
),

states as (
    select
        coalesce(f.visit_key, a.visit_key) as visit_key,
        coalesce(f.main_state, 'unknown') as main_state,
        coalesce(f.main_state, 'unknown') in (
            'discharged', 'closed', 'cancelled', 'no_show', 'lwbs', 'eloped', 'ama', 'deceased', 'entered_in_error'
        ) as is_over
    from folded as f
    full join attributes as a on a.visit_key = f.visit_key
)

select
    s.visit_key,
    coalesce(a.patient_key, f.patient_key) as patient_key,
    a.visit_number,
    a.appointment_id,
    a.visit_class,
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_end_at,
    a.duration_minutes,
    coalesce(f.booked_at, a.booked_at) as booked_at,
    a.original_start_at,
    coalesce(f.reschedule_count, 0) as reschedule_count,
    case when a.appointment_id is not null then f.appointment_status end as appointment_status,
    case when f.appointment_status in ('cancelled', 'noshow', 'entered-in-error') then a.cancel_reason_code end as cancel_reason_code,
    f.arrived_at,
    f.roomed_at,
    f.admit_at,
    a.expected_discharge_at,
    f.discharge_ordered_at,
    f.discharge_at,
    case when f.departures > 0 then a.discharge_disposition end as discharge_disposition,
    a.practitioner_key,
    coalesce(nullif(p.location_key, ''), p.last_location_key, a.planned_location_key) as location_key,
    case when not s.is_over then nullif(p.bed_key, '') end as bed_key,
    case when not s.is_over then nullif(p.pending_location_key, '') end as pending_location_key,
    s.main_state,
    case when s.is_over then {{ empty_array() }} else coalesce(w.open_waits, {{ empty_array() }}) end as open_waits,
    case
        when s.is_over or s.main_state in ('ready_for_discharge', 'boarding') then s.main_state
        when {{ has_flag('w.open_waits', 'imaging') }} then 'awaiting_imaging'
        when {{ has_flag('w.open_waits', 'lab') }} then 'awaiting_lab'
        when {{ has_flag('w.open_waits', 'consult') }} then 'awaiting_consult'
        when {{ has_flag('w.open_waits', 'bed') }} then 'awaiting_bed'
        when {{ has_flag('w.open_waits', 'transport') }} then 'awaiting_transport'
        else s.main_state
    end as display_state,
    f.state_since,
    a.fhir_status,
    coalesce(a.key_quality, 'assigned') as key_quality,
    f.last_event_id,
    coalesce(f.last_change_ref, f.last_appointment_ref) as last_change_ref,
    coalesce(a.source_system, f.source_system) as source_system,
    coalesce(a.source_ref, f.source_ref) as source_ref,
    coalesce(a.recorded_at, f.recorded_at) as recorded_at,
    {{ flags([
        ['illegal_transition', 'coalesce(f.illegal_transitions, 0) = 1'],
        ['authority_drift', 'coalesce(f.outranked_events, 0) = 1 or coalesce(a.starts, 0) > 1'],
        ['several_patients', 'coalesce(a.patients, 0) > 1 or (f.patients > 1 and f.moves_between_patients = 0)'],
        ['derived_key', "a.key_quality = 'derived'"],
        ['no_state', 'f.main_state is null'],
    ]) }} as quality_flags
from states as s
left join folded as f on f.visit_key = s.visit_key
left join attributes as a on a.visit_key = s.visit_key
left join places as p on p.visit_key = s.visit_key
left join waits as w on w.visit_key = s.visit_key
