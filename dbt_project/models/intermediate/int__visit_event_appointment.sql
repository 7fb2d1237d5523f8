-- Grain: one row per event that the versions of an Appointment tell: the booking, every change of
-- status, every change of start, and the patient's acceptance.
with versions as (
    select
        a.*,
        lag(appointment_status) over (partition by source_system, resource_id order by version_order) as status_before,
        lag(scheduled_start_at) over (partition by source_system, resource_id order by version_order) as start_before,
        lag(is_accepted_by_patient) over (partition by source_system, resource_id order by version_order) as accepted_before,
        row_number() over (partition by source_system, resource_id order by version_order) as version_number
    from {{ ref('stg_fhir__appointment') }} as a
    where appointment_status is not null
),

told as (
    -- What the first version we have implies: it was booked when it was made.
    select
        v.*,
        'appointment_booked' as told_event_type,
        coalesce(booked_at, recorded_at) as told_at,
        booked_at is not null as is_time_told
    from versions as v
    where version_number = 1 and appointment_status not in ('proposed', 'pending', 'waitlist', 'entered-in-error')
    union all
    select
        v.*,
        s.event_type as told_event_type,
        recorded_at as told_at,
        false as is_time_told
    from versions as v
    inner join {{ ref('status_event') }} as s on s.resource_type = 'Appointment' and s.status = v.appointment_status
    where
        (version_number = 1 and appointment_status <> 'booked')
        or (version_number > 1 and status_before <> appointment_status)
    union all
    select
        v.*,
        'appointment_rescheduled' as told_event_type,
        recorded_at as told_at,
        true as is_time_told
    from versions as v
    where
        version_number > 1
        and appointment_status = 'booked'
        and status_before = 'booked'
        and start_before <> scheduled_start_at
    union all
    select
        v.*,
        'appointment_confirmed' as told_event_type,
        recorded_at as told_at,
        false as is_time_told
    from versions as v
    where
        appointment_status = 'booked'
        and is_accepted_by_patient
        and (version_number = 1 or not accepted_before or start_before <> scheduled_start_at)
)

select
    t.source_system || '|Appointment|' || t.resource_id || '|' || t.content_sha256 || '|' || t.told_event_type as event_seed,
    {{ appointment_visit_key('t.appointment_authority', 't.appointment_id') }} as visit_key,
    p.patient_key,
    cast(null as varchar) as bed_key,
    l.unit_location_key as location_key,
    cast(null as varchar) as place_key,
    cast(null as varchar) as referral_key,
    cast(null as varchar) as order_key,
    t.told_event_type as event_type,
    t.told_at as occurred_at,
    t.recorded_at,
    t.scheduled_start_at,
    'explicit' as confidence,
    t.is_time_told,
    cast(null as varchar) as cancels,
    cast(null as timestamp with time zone) as cancelled_at,
    'Appointment.status' as source_trigger,
    t.version_id as control_id,
    'fhir' as feed,
    t.source_system,
    t.source_ref
from told as t
left join {{ ref('int__fhir_patient') }} as p
    on p.source_system = t.source_system and p.resource_id = t.patient_resource_id
left join {{ ref('int__fhir_location') }} as l
    on l.source_system = t.source_system and l.resource_id = t.location_resource_id
