-- Grain: one row per candidate that a worklist looked at and left out, with the reason.
with suppressed as (
    select
        'appointment_reminders' as worklist,
        visit_key as subject_key,
        patient_key,
        suppressed_by as reason,
        source_ref
    from {{ ref('int__reminder_candidate') }}
    where suppressed_by is not null
    union all
    select
        'referral_followup' as worklist,
        referral_key as subject_key,
        patient_key,
        suppressed_by as reason,
        source_ref
    from {{ ref('int__referral_candidate') }}
    where suppressed_by is not null
    union all
    select
        'discharge_and_bed_turnover' as worklist,
        row_type || '|' || coalesce(visit_key, bed_key) as subject_key,
        cast(null as {{ dbt.type_string() }}) as patient_key,
        suppressed_by as reason,
        source_ref
    from {{ ref('int__turnover_candidate') }}
    where suppressed_by is not null
)

select
    {{ uuid5("worklist || '|" ~ var('day') ~ "|' || subject_key") }} as row_id,
    worklist,
    reason,
    {{ as_of() }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    subject_key,
    patient_key,
    source_ref
from suppressed
