{{ config(materialized='ephemeral') }}
-- Grain: one row per visit: whether it stands, and when and where it is planned, by the clock of its place.
with visits as (
    select
        v.visit_key,
        v.patient_key,
        v.appointment_id,
        v.scheduled_start_at,
        v.scheduled_start_precision,
        v.practitioner_key,
        v.location_key,
        v.main_state,
        v.state_since,
        coalesce(v.last_change_ref, v.source_ref) as source_ref,
        coalesce(l.name, l.unit) as location_name,
        {{ facility_of('l.facility', 'v.source_ref') }} as facility_id
    from {{ ref('canonical__visit') }} as v
    left join {{ ref('canonical__location') }} as l on l.location_key = v.location_key
),

dated_visits as (
    select
        v.*,
        {{ zone_of_facility('v.facility_id') }} as time_zone,
        {{ local_date('v.scheduled_start_at', zone_of_facility('v.facility_id')) }} as local_date
    from visits as v
)

select
    visit_key,
    patient_key,
    coalesce(appointment_id, visit_key) as appt_id,
    scheduled_start_at,
    scheduled_start_precision,
    practitioner_key,
    location_key,
    main_state,
    state_since,
    coalesce(main_state in ('scheduled', 'confirmed'), false) as stands,
    facility_id,
    time_zone,
    local_date,
    -- Empty for a start on a day without a time: nobody may be given an hour that was not stated.
    case
        when not {{ is_day_alone('scheduled_start_precision') }}
            then {{ local_time('scheduled_start_at', 'time_zone') }}
    end as local_time,
    location_name,
    source_ref
from dated_visits
