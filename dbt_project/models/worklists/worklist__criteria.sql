-- Grain: one row per worklist and what it looked at, candidate row or not, with the criteria that fail.
-- Every worklist has a step `int__<worklist>_criteria` over all visits, referrals or beds, of which its
-- candidate rows are those with `is_candidate`. `lakeward contracts build` lists the steps here, as in
-- `worklist__suppression`.
{% set considered = [
    ('appointment_reminders', ref('int__appointment_reminders_criteria')),
    ('discharge_and_bed_turnover', ref('int__discharge_and_bed_turnover_criteria')),
    ('incomplete_registration', ref('int__incomplete_registration_criteria')),
    ('overdue_tasks', ref('int__overdue_tasks_criteria')),
    ('prior_authorisation', ref('int__prior_authorisation_criteria')),
    ('referral_followup', ref('int__referral_followup_criteria')),
    ('results_before_followup', ref('int__results_before_followup_criteria')),
] %}
with all_considered as (
    {% for worklist, step in considered %}
    select
        '{{ worklist }}' as worklist,
        subject_key,
        patient_key,
        visit_key,
        referral_key,
        bed_key,
        is_candidate,
        failed_criteria,
        facts,
        source_ref
    from {{ step }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    {{ uuid5("worklist || '|' || subject_key") }} as row_id,
    worklist,
    is_candidate,
    failed_criteria,
    facts,
    {{ data_as_of('worklist__criteria') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    visit_key,
    referral_key,
    bed_key,
    patient_key,
    source_ref
from all_considered
