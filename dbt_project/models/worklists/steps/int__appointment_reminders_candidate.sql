{{ config(materialized='ephemeral') }}
-- Grain: one row per appointment that starts in a reminder window; suppressed_by says why it is
-- not on the list (null: it is). Windows are 1, 3 and 7 days ahead, so that each appointment is
-- in each window once. Those on a day on which the facility is closed are counted, never sent.
with appointments as (
    select
        v.*,
        {{ local_date('v.scheduled_start_at') }} as local_date
    from {{ ref('canonical__visit') }} as v
    where v.scheduled_start_at is not null
),

appointments_in_window as (
    select
        a.*,
        w.tier,
        w.is_open
    from appointments as a
    inner join {{ ref('int__reminder_window') }} as w on w.local_date = a.local_date
),

-- The latest change gives the word for the reason. 'modified' says least and counts only where no other
-- change is known.
changes as (
    select
        visit_key,
        event_type,
        occurred_at,
        source_ref,
        row_number() over (
            partition by visit_key
            order by
                -- A small change comes last: "moved" is what the patient has to know,
                -- though a note was edited since.
                case when event_type = 'appointment_modified' then 1 else 0 end,
                occurred_at desc nulls last,
                recorded_at desc nulls last,
                event_id
        ) as age_rank
    from {{ ref('canonical__visit_event') }}
    where
        event_type in (
            'appointment_booked', 'appointment_rescheduled', 'appointment_confirmed',
            'appointment_modified'
        )
        and not coalesce(is_cancelled, false)
)

select
    a.visit_key,
    a.visit_key as subject_key,
    a.patient_key,
    coalesce(a.appointment_id, a.visit_key) as appt_id,
    a.local_date,
    a.scheduled_start_at,
    a.practitioner_key,
    a.location_key,
    a.tier,
    case
        when c.event_type = 'appointment_rescheduled' then 'moved'
        when c.event_type = 'appointment_confirmed' then 'confirmed'
        when c.event_type = 'appointment_modified' then 'changed'
        when c.event_type = 'appointment_booked' then 'booked'
    end as change_word,
    c.occurred_at as changed_at,
    coalesce(c.source_ref, a.last_change_ref, a.source_ref) as source_ref,
    p.given_names,
    p.preferred_language,
    case
        -- The visit before the patient: the first reason that fits is the one that is counted.
        when a.main_state in ('cancelled', 'entered_in_error') then a.main_state
        when a.main_state = 'requested' then 'not_booked'
        when a.main_state not in ('scheduled', 'confirmed') then 'already_under_way'
        when not a.is_open then 'facility_closed'
        when p.patient_key is null then 'patient_unknown'
        when p.record_status = 'merged' then 'patient_merged'
        when p.record_status = 'test' then 'patient_test'
        when p.is_deceased then 'patient_deceased'
        when p.record_status <> 'active' then 'patient_inactive'
    end as suppressed_by
from appointments_in_window as a
left join changes as c on c.visit_key = a.visit_key and c.age_rank = 1
left join {{ ref('canonical__patient') }} as p on p.patient_key = a.patient_key
