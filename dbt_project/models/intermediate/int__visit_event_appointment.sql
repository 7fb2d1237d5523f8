-- Grain: one row per event that the versions of an Appointment state: the booking, every change of
-- status, every change of start, and the patient's acceptance.
with versions as (
    select
        *,
        lag(appointment_status) over version_history as status_before,
        lag(scheduled_start_at) over version_history as start_before,
        lag(is_accepted_by_patient) over version_history as accepted_before,
        row_number() over version_history as version_number
    from {{ ref('int__appointment_version') }}
    where appointment_status is not null
    window version_history as (
        partition by source_system, resource_id, visit_key order by statement_order
    )
),

events as (
    -- The first version that we have is no booking: it states one if it says when the appointment was made,
    -- or if that is its status. One that is over when first seen may never have been ours to know.
    select
        *,
        'appointment_booked' as event_type,
        coalesce(booked_at, recorded_at) as occurred_at,
        booked_precision as stated_precision
    from versions
    where
        version_number = 1
        -- These were never booked, so a booking before them would be invented.
        and appointment_status not in ('proposed', 'pending', 'waitlist', 'entered-in-error')
        and (booked_at is not null or appointment_status = 'booked')
    union all
    select
        v.*,
        s.event_type,
        v.recorded_at as occurred_at,
        {{ null_columns(['stated_precision']) }}
    from versions as v
    inner join {{ ref('status_event') }} as s
        on s.resource_type = 'Appointment' and s.status = v.appointment_status
    where
        -- A first version that says `booked` is the booking above.
        (v.version_number = 1 and v.appointment_status <> 'booked')
        or (v.version_number > 1 and v.status_before <> v.appointment_status)
    union all
    select
        *,
        'appointment_rescheduled' as event_type,
        recorded_at as occurred_at,
        {{ null_columns(['stated_precision']) }}
    from versions
    where
        version_number > 1
        and appointment_status = 'booked'
        and status_before = 'booked'
        and start_before <> scheduled_start_at
    union all
    select
        *,
        'appointment_confirmed' as event_type,
        recorded_at as occurred_at,
        {{ null_columns(['stated_precision']) }}
    from versions
    where
        appointment_status = 'booked'
        and is_accepted_by_patient
        -- Who accepted the old start has to accept the new one: accepted again is confirmed again.
        and (version_number = 1 or not accepted_before or start_before <> scheduled_start_at)
)

select
    e.source_system
        || '|Appointment|' || e.resource_id
        || '|' || e.content_sha256
        || '|' || e.event_type
        || case when e.is_one_of_group then '|' || e.visit_key else '' end as event_seed,
    e.visit_key,
    e.patient_key,
    l.unit_location_key as location_key,
    {{ null_columns(['bed_key', 'exact_location_key', 'referral_key', 'order_key']) }},
    e.event_type,
    e.occurred_at,
    coalesce(e.stated_precision, case when e.is_stamped then 'second' end) as time_precision,
    e.recorded_at,
    e.statement_order,
    e.scheduled_start_at,
    'explicit' as confidence,
    -- A change of status is only known to lie before lastUpdated; a booking or a move states its time.
    e.stated_precision is not null
    or (e.event_type = 'appointment_rescheduled' and e.is_stamped) as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    'Appointment.status' as source_trigger,
    e.version_id as control_id,
    {{ fhir_feed('e.source_system') }} as feed,
    e.source_system,
    e.source_ref
from events as e
left join {{ ref('int__fhir_location') }} as l
    on l.source_system = e.source_system and l.resource_id = e.location_resource_id
