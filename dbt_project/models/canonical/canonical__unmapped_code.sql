-- Grain: one row per code_map, source_system and from_code that no code map knows.
-- The list is generated from `uses` in seeds/_seeds.yml by `lakeward contracts build`.
{% set coded_columns = [
    ('administrative_sex', ref('stg_hl7v2__patient'), 'administrative_sex_code', 'administrative_sex'),
    ('appointment_status', ref('stg_fhir__appointment'), 'status_code', 'appointment_status'),
    ('appointment_status', ref('stg_hl7v2__appointment'), 'status_code', 'appointment_status'),
    ('bed_status', ref('stg_hl7v2__bed_status'), 'bed_status_code', 'operational_status'),
    (
        'discharge_disposition',
        ref('stg_fhir__encounter'),
        'discharge_disposition_code',
        'discharge_disposition',
    ),
    ('discharge_disposition', ref('stg_hl7v2__visit'), 'discharge_disposition_code', 'discharge_disposition'),
    ('identifier_type', ref('stg_hl7v2__patient_identifier'), 'identifier_type_code', 'identifier_type'),
    ('order_category', ref('stg_fhir__service_request'), 'category_code', 'order_category'),
    ('order_category', ref('stg_hl7v2__order'), 'category_code', 'order_category'),
    ('order_status', ref('stg_fhir__service_request'), 'status_code', 'order_status'),
    ('order_status', ref('stg_hl7v2__order'), 'status_code', 'order_status'),
    ('priority', ref('stg_hl7v2__order'), 'priority_code', 'priority'),
    ('referral_priority', ref('stg_hl7v2__referral'), 'priority_code', 'priority'),
    ('referral_status', ref('stg_hl7v2__referral'), 'status_code', 'referral_state'),
    ('result_status', ref('stg_hl7v2__order'), 'result_status_code', 'result_status'),
    ('task_type', ref('stg_fhir__task'), 'code', 'task_type'),
    ('visit_class', ref('stg_fhir__encounter'), 'class_code', 'visit_class'),
    ('visit_class', ref('stg_hl7v2__visit'), 'patient_class', 'visit_class'),
    ('trigger_event', ref('stg_hl7v2__event'), 'trigger_code', 'effect'),
] %}
with unmapped as (
    {% for code_map, relation, code, mapped_to in coded_columns %}
    select
        '{{ code_map }}' as code_map,
        source_system,
        {{ code }} as from_code,
        source_ref
    from {{ relation }}
    where {{ mapped_to }} = 'unmapped' and {{ code }} is not null
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
    {{ empty_array() }} as quality_flags
from unmapped
group by code_map, source_system, from_code
