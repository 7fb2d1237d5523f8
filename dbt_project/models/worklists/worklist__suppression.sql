-- Grain: one row per candidate that a worklist looked at and left out, with the reason.
-- Every worklist has a step `int__<worklist>_candidate` with columns subject_key, patient_key,
-- suppressed_by and source_ref. `lakeward contracts build` lists the steps here, one by one, because lineage
-- is read from the `ref()` of this file; a test fails when a list has no step.
{% set candidates = [
    ('appointment_reminders', ref('int__appointment_reminders_candidate')),
    ('discharge_and_bed_turnover', ref('int__discharge_and_bed_turnover_candidate')),
    ('incomplete_registration', ref('int__incomplete_registration_candidate')),
    ('overdue_tasks', ref('int__overdue_tasks_candidate')),
    ('prior_authorisation', ref('int__prior_authorisation_candidate')),
    ('referral_followup', ref('int__referral_followup_candidate')),
    ('results_before_followup', ref('int__results_before_followup_candidate')),
] %}
with suppressed as (
    {% for worklist, candidate in candidates %}
    select
        '{{ worklist }}' as worklist,
        subject_key,
        patient_key,
        suppressed_by as reason,
        source_ref
    from {{ candidate }}
    where suppressed_by is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    {{ uuid5("worklist || '|' || subject_key") }} as row_id,
    worklist,
    reason,
    {{ data_as_of('worklist__suppression') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    subject_key,
    patient_key,
    source_ref
from suppressed
