{{ config(materialized='ephemeral') }}
-- Grain: one row per patient who comes within 3 days, with the first of these visits; suppressed_by says why
-- the patient is not on the list (null: on it).
select
    visit_key,
    subject_key,
    patient_key,
    patient_name,
    mrn,
    appt_id,
    scheduled_start_at,
    scheduled_start_precision,
    facility_id,
    time_zone,
    local_date,
    local_time,
    location_name,
    missing,
    source_ref,
    case
        {{ unlisted_patient() }}
        when missing is null then 'complete'
    end as suppressed_by
from {{ ref('int__incomplete_registration_criteria') }}
where is_candidate
