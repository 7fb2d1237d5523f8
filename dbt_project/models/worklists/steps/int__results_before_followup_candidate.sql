{{ config(materialized='ephemeral') }}
-- Grain: one row per final or corrected result that is critical, or whose patient comes within 5 days;
-- suppressed_by says why it is not on the list (null: it is). Nothing here says what the result is.
select
    result_key,
    subject_key,
    patient_key,
    visit_key,
    result_category,
    is_urgent,
    is_corrected,
    review_signal,
    stated_at,
    age_minutes,
    practitioner_key,
    placer_number,
    scheduled_start_at,
    scheduled_start_precision,
    time_zone,
    local_date,
    local_time,
    location_name,
    source_ref,
    case
        {{ unlisted_patient() }}
        when is_reviewed then 'reviewed'
        when stated_at is null then 'start_unknown'
        -- A first full load brings results of years, of which nobody can say today who looked.
        when age_minutes > 90 * 1440 then 'older_than_90_days'
    end as suppressed_by
from {{ ref('int__results_before_followup_criteria') }}
where is_candidate
