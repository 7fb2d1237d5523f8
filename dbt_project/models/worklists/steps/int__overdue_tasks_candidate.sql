{{ config(materialized='ephemeral') }}
-- Grain: one row per open task; suppressed_by says why it is not on the list (null: it is).
select
    task_key,
    subject_key,
    patient_key,
    task_type,
    status,
    priority,
    owner_key,
    owner_type,
    due_at,
    first_claimed_at,
    touched_at,
    is_idle,
    breach_minutes,
    age_minutes,
    is_patient_deceased,
    source_ref,
    case
        -- Of a patient who has died the task stays: somebody has to close it.
        when patient_status = 'test' then 'patient_test'
        -- The bed or the referral itself is on a list of its own.
        when is_on_another_list then 'on_another_list'
        when status = 'draft' then 'draft'
        when breach_minutes is null then 'start_unknown'
        when breach_minutes <= 0 and is_idle then 'no_due_time'
        when breach_minutes <= 0 then 'not_due'
    end as suppressed_by
from {{ ref('int__overdue_tasks_criteria') }}
where is_candidate
