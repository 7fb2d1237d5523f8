-- Grain: one row per visit_key. State comes from canonical__visit_event alone; what else is known, the
-- scheduled time with it, comes from the statements of the feeds: the latest statement of each feed, then
-- the best-ranked feed that states a value (seed authority; 1 is the best, hence `earliest_by` a rank).
{% set event_flags = [
    'illegal_transition',
    'outranked',
    'in_future',
    'readmitted',
    'repeated_end',
    'after_end',
    'after_arrival',
    'modified_after_cancel',
] %}
-- All events of a visit, effective or not: where its row comes from, and what is odd about it.
with histories as (
    select
        visit_key,
        {% for flag in event_flags %}
        max(case when {{ has_flag('quality_flags', flag) }} then 1 else 0 end) as {{ flag }}_events,
        {% endfor %}
        count(case when event_type = 'visit_moved' then 1 end) as moves_between_patients,
        -- An end that is stated ahead of its time is when the patient is expected to leave.
        min(
            case
                when
                    event_type = 'departed'
                    and {{ has_flag('quality_flags', 'in_future') }}
                    and not is_cancelled
                    then occurred_at
            end
        ) as future_discharge_at,
        {{ latest_by('patient_key', 'fold_order') }} as patient_key,
        {{ latest_by('source_system', 'fold_order') }} as source_system,
        {{ latest_by('source_ref', 'fold_order') }} as source_ref,
        max(recorded_at) as recorded_at
    from {{ ref('int__visit_event_fold') }}
    where visit_key is not null
    group by visit_key
),

effective_events as (
    select
        *,
        to_state is not null and (from_state is null or from_state <> to_state) as is_change,
        event_type in (
            'appointment_requested',
            'waitlisted',
            'appointment_booked',
            'appointment_rescheduled',
            'appointment_cancelled',
            'appointment_no_show',
            'appointment_deleted'
        ) as is_appointment_change,
        -- The end before a readmission under the same number is not the end of the visit.
        max(case when {{ has_flag('quality_flags', 'readmitted') }} then fold_order end) over (
            partition by visit_key
        ) as reopened_order
    from {{ ref('int__visit_event_fold') }}
    where visit_key is not null and is_effective
),

folded as (
    select
        visit_key,
        {{ latest_by('to_state', 'fold_order') }} as main_state,
        {{ latest_by('case when is_change then occurred_at end', 'fold_order') }} as state_since,
        {{ latest_by('type_appointment_status', 'fold_order') }} as appointment_status,
        count(case when event_type = 'appointment_rescheduled' then 1 end) as reschedule_count,
        min(case when event_type = 'appointment_booked' then occurred_at end) as booked_at,
        -- The first arrival: what is stated again is no other one.
        min(case when event_type = 'arrived' then occurred_at end) as arrived_at,
        min(case when event_type = 'roomed' then occurred_at end) as roomed_at,
        min(case when event_type = 'admitted' then occurred_at end) as admit_at,
        max(case when event_type = 'discharge_ordered' then occurred_at end) as discharge_ordered_at,
        max(
            case
                when event_type = 'departed' and is_last_of_kind and fold_order > coalesce(reopened_order, '')
                    then occurred_at
            end
        ) as discharge_at,
        count(case when event_type = 'departed' and fold_order > coalesce(reopened_order, '') then 1 end)
            as departures,
        {{ latest_by('event_id', 'fold_order') }} as last_event_id,
        {{ latest_by('case when is_appointment_change then source_ref end', 'fold_order') }}
            as last_change_ref,
        {{ latest_by("case when region = 'appointment' then source_ref end", 'fold_order') }}
            as last_appointment_ref,
        count(distinct patient_key) as patients
    from effective_events
    group by visit_key
),

-- The empty text marks that a visit left a location; NULL, that an event does not concern one.
location_effects as (
    select
        visit_key,
        fold_order,
        case when location_effect = 'occupy' then location_key end as occupied_location_key,
        case location_effect
            when 'occupy' then coalesce(location_key, '')
            when 'release' then ''
        end as location_key,
        case location_effect
            when 'occupy' then coalesce(bed_key, '')
            when 'release' then ''
        end as bed_key,
        case
            when location_effect = 'reserve' then location_key
            when location_effect in ('occupy', 'release', 'unreserve') then ''
        end as pending_location_key
    from effective_events
    -- An event that names no location leaves the patient where the one before it did.
    where not (location_effect = 'occupy' and location_key is null)
),

-- Where a visit is. A cancelled move or discharge is not effective, and so the location before it counts.
locations as (
    select
        visit_key,
        {{ latest_by('location_key', 'fold_order') }} as location_key,
        {{ latest_by('bed_key', 'fold_order') }} as bed_key,
        max(case when bed_key <> '' then fold_order end) as bed_order,
        {{ latest_by('occupied_location_key', 'fold_order') }} as last_location_key,
        {{ latest_by('pending_location_key', 'fold_order') }} as pending_location_key
    from location_effects
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

visits as (
    select visit_key from histories
    union
    -- A visit without any event (a snapshot alone) is a row, too, in state `unknown`.
    select visit_key from {{ ref('int__visit_attribute') }}
),

states as (
    select
        v.visit_key,
        coalesce(f.main_state, 'unknown') as main_state,
        coalesce(f.main_state, 'unknown') in (
            'discharged',
            'closed',
            'cancelled',
            'no_show',
            'lwbs',
            'eloped',
            'ama',
            'deceased',
            'entered_in_error'
        ) as is_over
    from visits as v
    left join folded as f on f.visit_key = v.visit_key
),

-- What rules say of a visit whose end nobody states, beside the events that they infer.
doubts as (
    select
        visit_key,
        max(case when flag = 'no_outcome' then 1 else 0 end) as no_outcome,
        max(case when flag = 'no_news' then 1 else 0 end) as no_news
    from {{ ref('int__visit_inference') }}
    group by visit_key
),

-- What bed management stated of each bed last.
bed_words as (
    select
        bed_key,
        {{ latest_by('to_state', 'fold_order') }} as bed_status,
        max(fold_order) as bed_status_order
    from {{ ref('int__visit_event_fold') }}
    where is_effective and region = 'bed'
    group by bed_key
),

-- How many visits are said to be in each bed now.
occupants as (
    select
        l.bed_key,
        count(*) as visits
    from locations as l
    inner join states as s on s.visit_key = l.visit_key
    where l.bed_key <> '' and not s.is_over
    group by l.bed_key
)

select
    s.visit_key,
    coalesce(a.patient_key, h.patient_key) as patient_key,
    a.visit_number,
    a.appointment_id,
    coalesce(a.visit_class, a.assumed_class) as visit_class,
    a.service_type,
    a.appointment_type,
    a.reason_code,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.scheduled_end_at,
    a.duration_minutes,
    coalesce(f.booked_at, a.booked_at) as booked_at,
    a.original_start_at,
    coalesce(f.reschedule_count, 0) as reschedule_count,
    -- A walk-in arrives and leaves, too, but has no appointment whose status that could be.
    case when a.appointment_id is not null then f.appointment_status end as appointment_status,
    case
        when f.appointment_status in ('cancelled', 'noshow', 'entered-in-error') then a.cancel_reason_code
    end as cancel_reason_code,
    f.arrived_at,
    f.roomed_at,
    f.admit_at,
    coalesce(a.expected_discharge_at, case when not s.is_over then h.future_discharge_at end)
        as expected_discharge_at,
    a.expected_discharge_precision,
    f.discharge_ordered_at,
    f.discharge_at,
    -- Only with a discharge that counts: "expired" left over from a cancelled one would keep a
    -- living patient off every list.
    case when f.departures > 0 then a.discharge_disposition end as discharge_disposition,
    a.practitioner_key,
    -- Where the visit is, else where it was last, else where it is planned: a visit that is over keeps the
    -- location in which it ended.
    coalesce(nullif(l.location_key, ''), l.last_location_key, a.planned_location_key) as location_key,
    case when not s.is_over then nullif(l.bed_key, '') end as bed_key,
    case when not s.is_over then nullif(l.pending_location_key, '') end as pending_location_key,
    s.main_state,
    case
        when s.is_over then {{ empty_array() }}
        else coalesce(w.open_waits, {{ empty_array() }})
    end as open_waits,
    case
        -- These say more than what a visit waits for. Of several waits one is shown, in this order;
        -- `open_waits` has them all.
        when s.is_over or s.main_state in ('ready_for_discharge', 'boarding') then s.main_state
        when {{ has_flag('w.open_waits', 'imaging') }} then 'awaiting_imaging'
        when {{ has_flag('w.open_waits', 'lab') }} then 'awaiting_lab'
        when {{ has_flag('w.open_waits', 'consult') }} then 'awaiting_consult'
        when {{ has_flag('w.open_waits', 'bed') }} then 'awaiting_bed'
        when {{ has_flag('w.open_waits', 'transport') }} then 'awaiting_transport'
        else s.main_state
    end as display_state,
    f.state_since,
    u.account_number,
    u.placer_appointment_id,
    u.specialty,
    u.confirmed_at,
    u.triage_started_at,
    u.triaged_at,
    u.acuity_level,
    u.acuity_scale,
    u.first_provider_at,
    u.disposition_decided_at,
    u.admit_decision_at,
    u.discharge_ready_at,
    u.discharge_destination,
    u.referring_practitioner_key,
    u.admitting_practitioner_key,
    u.prior_location_key,
    u.is_restricted,
    a.fhir_status,
    coalesce(a.key_quality, 'assigned') as key_quality,
    f.last_event_id,
    coalesce(f.last_change_ref, f.last_appointment_ref) as last_change_ref,
    coalesce(a.source_system, h.source_system) as source_system,
    coalesce(a.source_ref, h.source_ref) as source_ref,
    coalesce(a.recorded_at, h.recorded_at) as recorded_at,
    {{ flags([
        ['illegal_transition', 'h.illegal_transition_events = 1'],
        ['authority_drift', 'h.outranked_events = 1 or a.starts > 1'],
        ['in_future', 'h.in_future_events = 1'],
        ['readmitted', 'h.readmitted_events = 1'],
        ['repeated_end', 'h.repeated_end_events = 1'],
        ['after_end', 'h.after_end_events = 1'],
        ['after_arrival', 'h.after_arrival_events = 1'],
        ['modified_after_cancel', 'h.modified_after_cancel_events = 1'],
        ['state_inferred', 'i.visit_key is not null'],
        ['no_outcome', "d.no_outcome = 1 and coalesce(i.flag, 'no_outcome') = 'no_outcome'"],
        ['no_news', 'd.no_news = 1 and not s.is_over'],
        ['discharge_overdue', 'not s.is_over and ' ~ last_at(
            'a.expected_discharge_at', 'a.expected_discharge_precision', "'" ~ var('time_zone') ~ "'"
        ) ~ ' < ' ~ as_of()],
        ['observation', "coalesce(a.visit_class, a.assumed_class) = 'OBSENC'"],
        ['bed_shared', 'not s.is_over and b.visits > 1'],
        [
            'bed_stated_free',
            "not s.is_over and w_bed.bed_status = 'U' and w_bed.bed_status_order > l.bed_order",
        ],
        ['several_patients', 'a.patients > 1 or (f.patients > 1 and h.moves_between_patients = 0)'],
        ['derived_key', "a.key_quality = 'derived'"],
        ['ambiguous_number', 'n.visit_key is not null'],
        ['no_state', 'f.main_state is null'],
        ['no_start_time', is_day_alone('a.scheduled_start_precision')],
        ['zone_assumed', "a.scheduled_start_zone_source like 'assumed%'"],
        [
            'clock_change',
            "a.scheduled_start_zone_source like '%gap' or a.scheduled_start_zone_source like '%overlap'"
        ],
    ]) }} as quality_flags
from states as s
left join histories as h on h.visit_key = s.visit_key
left join folded as f on f.visit_key = s.visit_key
left join {{ ref('int__visit_attribute') }} as a on a.visit_key = s.visit_key
left join locations as l on l.visit_key = s.visit_key
left join doubts as d on d.visit_key = s.visit_key
left join {{ ref('int__visit_event_inferred') }} as i
    on i.visit_key = s.visit_key and i.to_state is not null
left join waits as w on w.visit_key = s.visit_key
left join occupants as b on b.bed_key = nullif(l.bed_key, '')
left join bed_words as w_bed on w_bed.bed_key = nullif(l.bed_key, '')
left join {{ ref('int__visit_fact') }} as u on u.visit_key = s.visit_key
left join {{ ref('int__ambiguous_visit') }} as n on n.visit_key = s.visit_key
