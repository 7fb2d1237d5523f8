{{ config(materialized='table', database='scratch') }}
-- Grain: one row per form that somebody filled in (QuestionnaireResponse) or filed (DocumentReference),
-- winning version, that was not entered in error. Never what it says.
{% set zone = source_zone('f.source') %}
{% set references = ref('stg_fhir__reference') %}
{% set version = ref('stg_fhir__version') %}
with forms as (
    select
        'QuestionnaireResponse' as resource_type,
        q.source,
        q.received,
        q.file,
        q.line,
        q.id,
        q.stated_at,
        q.statement_order,
        coalesce(q.patient_id, q.source_patient_id) as patient_id,
        q.encounter_id,
        cast(null as string) as form_system,
        q.questionnaire as form_code,
        cast(null as string) as form_name,
        q.status,
        q.status as intake_status_code,
        q.authored_text as stated_text
    from {{ current_version(
        source('lake', 'fhir__questionnaire_response'), version, 'QuestionnaireResponse'
    ) }} as q
    union all
    select
        'DocumentReference' as resource_type,
        d.source,
        d.received,
        d.file,
        d.line,
        d.id,
        d.stated_at,
        d.statement_order,
        d.patient_id,
        d.encounter_id,
        d.type_system as form_system,
        d.type_code as form_code,
        coalesce(d.type_display, d.type_text) as form_name,
        d.status,
        -- A document that is the current one may still be a draft.
        case when d.status = 'current' then coalesce(d.doc_status, d.status) else d.status end
            as intake_status_code,
        d.documented_text as stated_text
    from {{ current_version(source('lake', 'fhir__document_reference'), version, 'DocumentReference') }} as d
)

select
    {{ fhir_origin('f') }},
    {{ fhir_order('f') }} as statement_order,
    f.resource_type,
    coalesce(
        f.patient_id,
        {{ named_id(references, 'f', 'QuestionnaireResponse', 'subject', 'Patient') }},
        {{ named_id(references, 'f', 'DocumentReference', 'subject', 'Patient') }}
    ) as patient_resource_id,
    f.encounter_id as encounter_resource_id,
    f.form_system,
    f.form_code,
    f.form_name,
    f.intake_status_code,
    {{ mapped('status', 'f.intake_status_code') }} as intake_status,
    {{ fhir_placed_at('f.stated_text', 'f.stated_at', zone) }} as filled_at
from forms as f
{{ join_code_map(ref('code_map_intake_status'), 'status', 'f.source', 'f.intake_status_code') }}
where
    coalesce(f.status, '') <> 'entered-in-error'
    and coalesce(f.intake_status_code, '') <> 'entered-in-error'
