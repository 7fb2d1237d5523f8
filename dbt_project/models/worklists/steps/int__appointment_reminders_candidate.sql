{{ config(materialized='ephemeral') }}
-- Grain: one row per appointment that starts in a reminder window of its facility; suppressed_by says why it
-- is not on the list (null: it is). All days up to the next working day are listed, whether the facility
-- works then or not, since no later list could; 3 and 7 days ahead only days on which it works.
with appointments_in_window as (
    select *
    from {{ ref('int__appointment_reminders_criteria') }}
    where is_candidate
),

-- The latest change gives the word for the reason. 'modified' says least and counts only where no other
-- change is known.
changes as (
    select
        visit_key,
        event_type,
        occurred_at,
        time_precision,
        source_ref,
        row_number() over (
            partition by visit_key
            order by
                -- A small change comes last: "moved" is what the patient has to know,
                -- though a note was edited since.
                case when event_type = 'appointment_modified' then 1 else 0 end,
                event_order desc
        ) as age_rank
    from {{ ref('canonical__visit_event') }} as e
    where
        event_type in (
            'appointment_booked', 'appointment_rescheduled', 'appointment_confirmed',
            'appointment_modified'
        )
        -- A change that a better source outranks, or that is sent again, is no change to speak of.
        and {{ may_count('e') }}
)

select
    a.visit_key,
    a.visit_key as subject_key,
    a.patient_key,
    a.appt_id,
    a.facility_id,
    a.time_zone,
    a.local_date,
    a.scheduled_start_at,
    a.scheduled_start_precision,
    a.practitioner_key,
    a.location_key,
    a.tier,
    a.is_closed_by_date,
    a.listed_until,
    case
        when c.event_type = 'appointment_rescheduled' then 'moved'
        when c.event_type = 'appointment_confirmed' then 'confirmed'
        when c.event_type = 'appointment_modified' then 'changed'
        when c.event_type = 'appointment_booked' then 'booked'
    end as change_word,
    -- A day that nobody stated, or no more than its month, is not printed.
    case when c.time_precision not in ('year', 'month') then c.occurred_at end as changed_at,
    coalesce(c.source_ref, a.source_ref) as source_ref,
    a.given_names,
    a.preferred_language,
    case
        -- The visit before the patient: the first reason that fits is the one that is counted.
        when a.main_state in ('cancelled', 'entered_in_error') then a.main_state
        when a.main_state = 'requested' then 'not_booked'
        when a.main_state not in ('scheduled', 'confirmed') then 'already_under_way'
        when a.facility_id is null then 'facility_unknown'
        -- A list that is made late: of a start without a time the whole day has to be over.
        when {{ is_day_alone('a.scheduled_start_precision') }}
            and a.local_date < {{ local_date(made_at(), 'a.time_zone') }} then 'already_past'
        when not {{ is_day_alone('a.scheduled_start_precision') }}
            and a.scheduled_start_at < {{ made_at() }} then 'already_past'
        when a.tier <> 'T+1' and not a.is_working then 'facility_closed'
        {{ unlisted_patient('a') }}
    end as suppressed_by
from appointments_in_window as a
left join changes as c on c.visit_key = a.visit_key and c.age_rank = 1
