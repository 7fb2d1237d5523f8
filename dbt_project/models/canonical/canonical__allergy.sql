-- Grain: one row per allergy_key: a patient and a substance. What is stated last counts, of each attribute;
-- a substance that was refuted last is not here.
with statements as (
    select
        a.source_system,
        a.source_ref,
        a.recorded_at,
        a.statement_order,
        'AllergyIntolerance|' || a.resource_id as record_id,
        p.patient_key,
        a.code_system,
        a.code,
        a.display,
        a.allergy_type,
        a.category_codes,
        a.criticality,
        a.severity,
        a.clinical_status,
        a.verification_status,
        a.noted_at
    from {{ ref('stg_fhir__allergy') }} as a
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = a.source_system and p.resource_id = a.patient_resource_id
    union all
    select
        a.source_system,
        a.source_ref,
        a.recorded_at,
        a.statement_order,
        cast(a.received as string) || '|' || cast(a.message as string) || '|' || cast(a.segment as string)
            as record_id,
        p.patient_key,
        a.code_system,
        a.code,
        a.display,
        {{ null_columns(['allergy_type']) }},
        a.category as category_codes,
        {{ null_columns(['criticality']) }},
        a.severity,
        -- AL1 has no status: that it is sent says that it is so.
        'active' as clinical_status,
        {{ null_columns(['verification_status']) }},
        a.noted_at
    from {{ ref('stg_hl7v2__allergy') }} as a
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('a', 'p') }}
),

keyed as (
    select
        *,
        case
            when patient_key is not null and coalesce(code, display) is not null
                then {{ key('allergy', [
                    'patient_key', "coalesce(code_system, '')", 'coalesce(code, lower(trim(display)))'
                ]) }}
            else {{ key('allergy', ['source_system', 'record_id']) }}
        end as allergy_key
    from statements
),

latest as (
    select
        allergy_key,
        {% for name in [
            'patient_key', 'code_system', 'code', 'display', 'allergy_type', 'category_codes', 'criticality',
            'severity', 'clinical_status', 'verification_status', 'source_system', 'source_ref',
            'recorded_at',
        ] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        min(noted_at) as noted_at,
        {{ latest_by("coalesce(verification_status, '')", 'statement_order') }} as last_verification
    from keyed
    group by allergy_key
)

select
    allergy_key,
    patient_key,
    code_system,
    code,
    display,
    allergy_type,
    coalesce({{ words_of('category_codes') }}, {{ empty_array() }}) as categories,
    criticality,
    severity,
    clinical_status,
    verification_status,
    coalesce(clinical_status, 'active') = 'active' as is_active,
    noted_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_patient', 'patient_key is null'],
        ['no_substance', 'coalesce(code, display) is null'],
        ['uncoded', 'code is null and display is not null'],
        ['no_clinical_status', 'clinical_status is null'],
        ['unmapped_category', "category_codes = 'unmapped'"],
        ['unmapped_severity', "severity = 'unmapped'"],
    ]) }} as quality_flags
from latest
where last_verification <> 'refuted'
