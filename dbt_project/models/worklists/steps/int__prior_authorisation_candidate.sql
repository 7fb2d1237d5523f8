{{ config(materialized='ephemeral') }}
-- Grain: one row per appointment of the next 14 days of which a source says anything about the payer's
-- authorisation; suppressed_by says why it is not on the list (null: it is).
select
    visit_key,
    subject_key,
    patient_key,
    appt_id,
    scheduled_start_at,
    scheduled_start_precision,
    facility_id,
    time_zone,
    local_date,
    local_time,
    location_name,
    authorisation_status,
    authorisation_number,
    payer_name,
    service,
    decided_at,
    expires_at,
    source_ref,
    case
        {{ unlisted_patient() }}
        when is_enough then 'authorised'
        when authorisation_status = 'not_required' then 'not_required'
    end as suppressed_by
from {{ ref('int__prior_authorisation_criteria') }}
where is_candidate
