{{ config(materialized='ephemeral') }}
-- Grain: one row per referral that somebody may have to follow up; suppressed_by says why it is
-- not on the list (null: it is).
select
    referral_key,
    subject_key,
    patient_key,
    coalesce(originating_id, referral_key) as referral_id,
    specialty,
    priority,
    state,
    target_days,
    breach_minutes,
    waiting_since,
    received_at,
    referring_practitioner_key,
    source_ref,
    case
        when is_patient_deceased then 'patient_deceased'
        when patient_status = 'test' then 'patient_test'
        -- After the patient: of a dead patient's referral nobody has to find out since when it waits.
        when breach_minutes is null then 'start_unknown'
        when breach_minutes <= 0 then 'within_target'
    end as suppressed_by
from {{ ref('int__referral_followup_criteria') }}
where is_candidate
