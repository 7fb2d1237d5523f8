-- Grain: one row per intake_key: a form of a patient, filled in, filed or signed. Of a consent form that
-- several messages state, what is stated last counts. Never what it says.
with statements as (
    select
        {{ key('intake', ['f.source_system', 'f.resource_type', 'f.resource_id']) }} as intake_key,
        case f.resource_type when 'QuestionnaireResponse' then 'questionnaire' else 'document' end
            as form_kind,
        p.patient_key,
        e.visit_key,
        f.form_system,
        f.form_code,
        f.form_name,
        f.intake_status,
        f.filled_at,
        f.statement_order,
        f.source_system,
        f.source_ref,
        f.recorded_at
    from {{ ref('stg_fhir__intake') }} as f
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = f.source_system and p.resource_id = f.patient_resource_id
    left join {{ ref('int__fhir_encounter') }} as e
        on e.source_system = f.source_system and e.resource_id = f.encounter_resource_id
    union all
    select
        case
            when p.patient_key is not null then {{ key('intake', [
                'p.patient_key', "coalesce(v.visit_key, '')", "coalesce(f.form_code, '')", 'f.form_number',
            ]) }}
            else {{ key('intake', [
                'f.source_system', 'cast(f.received as string)', 'cast(f.message as string)',
                'cast(f.segment as string)',
            ]) }}
        end as intake_key,
        'consent_form' as form_kind,
        p.patient_key,
        v.visit_key,
        f.form_system,
        f.form_code,
        f.form_name,
        nullif(nullif(f.intake_status, ''), '""') as intake_status,
        f.filled_at,
        f.statement_order,
        f.source_system,
        f.source_ref,
        f.recorded_at
    from {{ ref('stg_hl7v2__intake') }} as f
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('f', 'p') }}
    left join {{ ref('int__message_visit') }} as v on {{ same_patient_group('f', 'v') }}
)

select
    intake_key,
    form_kind,
    patient_key,
    visit_key,
    form_system,
    form_code,
    form_name,
    intake_status,
    coalesce(intake_status = 'complete', false) as is_complete,
    filled_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_patient', 'patient_key is null'],
        ['no_form', 'coalesce(form_code, form_name) is null'],
        ['no_status', 'intake_status is null'],
        ['unmapped_status', "intake_status = 'unmapped'"],
    ]) }} as quality_flags
from {{ first_ranked('statements', 'intake_key', 'statement_order desc, source_ref desc') }}
