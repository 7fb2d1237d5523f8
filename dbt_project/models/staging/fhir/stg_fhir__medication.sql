{{ config(materialized='table', database='scratch') }}
-- Grain: one row per MedicationRequest and MedicationStatement resource (winning version) that says what a
-- patient takes: what is not to be taken, is only proposed or was entered in error is none (seed modifier).
{% set zone = source_zone('r.source') %}
{% set references = ref('stg_fhir__reference') %}
{% set version = ref('stg_fhir__version') %}
with requests as (
    select *
    from {{ current_version(source('lake', 'fhir__medication_request'), version, 'MedicationRequest') }}
        as request
),

replaced as (
    select distinct source, prior_prescription_id
    from requests
    where prior_prescription_id is not null and status in ('active', 'completed', 'on-hold')
),

uses as (
    select
        'MedicationRequest' as resource_type,
        r.source,
        r.received,
        r.file,
        r.line,
        r.id,
        r.stated_at,
        r.statement_order,
        r.patient_id,
        r.encounter_id,
        r.medication_id,
        coalesce(r.medication_text, r.medication_reference_display) as medication_text,
        r.status,
        r.intent,
        {{ has_modifier(ref('modifier'), 'MedicationRequest', 'left_out', [
            ['doNotPerform', 'r.do_not_perform'], ['intent', 'r.intent'], ['status', 'r.status'],
        ]) }} as is_left_out,
        r.authored_on_text as authored_text,
        coalesce(r.dispense_validity_start_text, r.authored_on_text) as period_start_text,
        r.dispense_validity_start_at as period_start_at,
        r.dispense_validity_end_text as period_end_text,
        r.dispense_validity_end_at as period_end_at,
        p.prior_prescription_id is not null as is_replaced
    from requests as r
    left join replaced as p on p.source = r.source and p.prior_prescription_id = r.id
    union all
    select
        'MedicationStatement' as resource_type,
        r.source,
        r.received,
        r.file,
        r.line,
        r.id,
        r.stated_at,
        r.statement_order,
        r.patient_id,
        r.encounter_id,
        r.medication_id,
        coalesce(r.medication_text, r.medication_reference_display) as medication_text,
        r.status,
        {{ null_columns(['intent']) }},
        {{ has_modifier(ref('modifier'), 'MedicationStatement', 'left_out', [['status', 'r.status']]) }}
            as is_left_out,
        r.asserted_text as authored_text,
        r.period_start_text,
        r.period_start_at,
        r.period_end_text,
        r.period_end_at,
        false as is_replaced
    from {{ current_version(
        source('lake', 'fhir__medication_statement'), version, 'MedicationStatement'
    ) }} as r
),

codings as (
    {% for relation, resource_type in [
        (source('lake', 'fhir__medication_request_coding'), 'MedicationRequest'),
        (source('lake', 'fhir__medication_statement_coding'), 'MedicationStatement'),
    ] %}
    select
        '{{ resource_type }}' as resource_type,
        k.source,
        k.received,
        k.line,
        k.id,
        k.code_system,
        k.code,
        k.display
    from {{ chosen_coding(
        codings_of(relation, 'medication'), ['medication'], version_keys(), none, ref('coding_rank'), '*',
    ) }} as k
    {{ "union all" if not loop.last }}
    {% endfor %}
),

drugs as (
    select source, id, code_system, code, coalesce(display, code_text) as display
    from {{ current_version(source('lake', 'fhir__medication'), version, 'Medication') }} as drug
)

select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    r.resource_type,
    coalesce(
        r.patient_id,
        {{ named_id(references, 'r', 'MedicationRequest', 'subject', 'Patient') }},
        {{ named_id(references, 'r', 'MedicationStatement', 'subject', 'Patient') }}
    ) as patient_resource_id,
    r.encounter_id as encounter_resource_id,
    r.status as status_code,
    {{ mapped('status', 'r.status') }} as status,
    r.intent,
    coalesce(k.code_system, d.code_system) as code_system,
    coalesce(k.code, d.code) as code,
    coalesce(k.display, r.medication_text, d.display) as display,
    r.is_replaced,
    {{ is_over('r.period_end_text', 'r.period_end_at') }} as is_over,
    {{ is_ahead('r.period_start_text', 'r.period_start_at') }} as is_ahead,
    {{ fhir_placed_at('r.authored_text', 'r.stated_at', zone) }} as authored_at,
    {{ fhir_time_at('r.period_start_text', zone) }} as period_start_at,
    {{ fhir_last_at('r.period_end_text', zone) }} as period_end_at
from uses as r
left join codings as k on {{ same_row('k', 'r') }} and k.resource_type = r.resource_type
left join drugs as d on d.source = r.source and d.id = r.medication_id
{{ join_code_map(ref('code_map_medication_status'), 'status', 'r.source', 'r.status') }}
where not r.is_left_out
