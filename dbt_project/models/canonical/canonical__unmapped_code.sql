-- Grain: one row per code_map, source_system and from_code that no code map knows; with an empty from_code
-- the rows that state no code at all, which mean something else than a code that is unknown.
-- The list is generated from `uses` in seeds/_seeds.yml by `lakeward contracts build`.
{% set coded_columns = [
    ('abnormal_flag', ref('stg_fhir__interpretation'), 'abnormal_flag_code', 'abnormal_flag'),
    ('abnormal_flag', ref('stg_hl7v2__interpretation'), 'abnormal_flag_code', 'abnormal_flag'),
    ('administrative_sex', ref('stg_hl7v2__patient'), 'administrative_sex_code', 'administrative_sex'),
    ('allergy_category', ref('stg_hl7v2__allergy'), 'category_code', 'category'),
    ('allergy_severity', ref('stg_fhir__allergy'), 'severity_code', 'severity'),
    ('allergy_severity', ref('stg_hl7v2__allergy'), 'severity_code', 'severity'),
    ('appointment_status', ref('stg_fhir__appointment'), 'status_code', 'appointment_status'),
    ('appointment_status', ref('stg_hl7v2__appointment'), 'status_code', 'appointment_status'),
    (
        'authorisation_status',
        ref('stg_fhir__authorisation'),
        'authorisation_status_code',
        'authorisation_status',
    ),
    (
        'authorisation_status',
        ref('stg_hl7v2__authorisation'),
        'authorisation_status_code',
        'authorisation_status',
    ),
    ('authorisation_status', ref('stg_hl7v2__referral'), 'auth_status_code', 'auth_status'),
    ('bed_status', ref('stg_hl7v2__bed_status'), 'bed_status_code', 'operational_status'),
    (
        'discharge_disposition',
        ref('stg_fhir__encounter'),
        'discharge_disposition_code',
        'discharge_disposition',
    ),
    ('discharge_disposition', ref('stg_hl7v2__visit'), 'discharge_disposition_code', 'discharge_disposition'),
    ('documentation', ref('stg_hl7v2__referral'), 'documentation_completion', 'docs_state'),
    ('eligibility', ref('stg_fhir__coverage'), 'eligibility_code', 'eligibility'),
    ('eligibility', ref('stg_hl7v2__coverage'), 'eligibility_code', 'eligibility'),
    ('identifier_type', ref('stg_hl7v2__patient_identifier'), 'identifier_type_code', 'identifier_type'),
    ('intake_status', ref('stg_fhir__intake'), 'intake_status_code', 'intake_status'),
    ('intake_status', ref('stg_hl7v2__intake'), 'intake_status_code', 'intake_status'),
    ('medication_status', ref('stg_fhir__medication'), 'status_code', 'status'),
    ('name_use', ref('stg_hl7v2__patient'), 'name_type_code', 'name_use'),
    ('observation_status', ref('stg_hl7v2__observation'), 'observation_status_code', 'observation_status'),
    ('order_category', ref('stg_fhir__result'), 'category_code', 'result_category'),
    ('order_category', ref('stg_fhir__service_request'), 'category_code', 'order_category'),
    ('order_category', ref('stg_hl7v2__order'), 'category_code', 'order_category'),
    ('order_status', ref('stg_fhir__service_request'), 'status_code', 'order_status'),
    ('order_status', ref('stg_hl7v2__order'), 'status_code', 'order_status'),
    ('priority', ref('stg_hl7v2__order'), 'priority_code', 'priority'),
    ('referral_priority', ref('stg_hl7v2__referral'), 'priority_code', 'priority'),
    ('referral_status', ref('stg_hl7v2__referral'), 'status_code', 'referral_state'),
    ('result_status', ref('stg_fhir__result'), 'status_code', 'result_status'),
    ('result_status', ref('stg_hl7v2__order'), 'result_status_code', 'result_status'),
    ('task_type', ref('stg_fhir__task'), 'code', 'task_type'),
    ('telecom_system', ref('stg_hl7v2__patient_telecom'), 'equipment', 'telecom_system'),
    ('telecom_use', ref('stg_hl7v2__patient_telecom'), 'use_code', 'telecom_use'),
    ('visit_class', ref('stg_fhir__encounter'), 'class_code', 'visit_class'),
    ('visit_class', ref('stg_hl7v2__visit'), 'patient_class', 'visit_class'),
    ('trigger_event', ref('stg_hl7v2__event'), 'trigger_code', 'effect'),
] %}
with unmapped as (
    {% for code_map, relation, code, mapped_to in coded_columns %}
    select
        '{{ code_map }}' as code_map,
        source_system,
        coalesce({{ code }}, '') as from_code,
        source_ref
    from {{ relation }}
    where
        ({{ mapped_to }} = 'unmapped' and {{ code }} is not null)
        -- `""` clears a value: that is stated.
        or ({{ mapped_to }} is null and {{ code }} is null)
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    code_map,
    from_code,
    count(*) as row_count,
    source_system,
    max(source_ref) as source_ref,
    {{ null_columns(['recorded_at']) }},
    {{ flags([['not_stated', "from_code = ''"]]) }} as quality_flags
from unmapped
group by code_map, source_system, from_code
