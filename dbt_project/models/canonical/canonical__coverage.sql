-- Grain: one row per coverage_key: a Coverage resource, or an insurance as messages state it (patient, payer,
-- plan and member number). Registration states all insurances of a patient: one that its latest list leaves
-- out was replaced. Other messages state those that they need.
{% set attributes = [
    'patient_key', 'payer_id', 'payer_name', 'plan_type', 'member_number', 'coverage_order', 'is_over',
    'is_ahead', 'period_start_at', 'period_end_at', 'verified_at', 'eligibility', 'eligibility_at',
    'message_order', 'source_system', 'source_ref', 'recorded_at',
] %}
with insurances as (
    select
        c.*,
        p.patient_key,
        max(case when c.feed = 'adt' then c.message_order end) over (
            partition by c.source_system, p.patient_key
        ) as latest_order,
        case
            when p.patient_key is not null then {{ key('coverage', [
                'p.patient_key', "coalesce(c.payer_id, c.payer_name, '')", "coalesce(c.plan_type, '')",
                "coalesce(c.member_number, '')",
            ]) }}
            else {{ key('coverage', [
                'c.source_system', 'cast(c.received as string)', 'cast(c.message as string)',
                'cast(c.segment as string)',
            ]) }}
        end as coverage_key
    from {{ ref('stg_hl7v2__coverage') }} as c
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('c', 'p') }}
    where coalesce(c.payer_id, c.payer_name, c.plan_type, c.member_number) is not null
),

by_insurance as (
    select
        coverage_key,
        {% for name in attributes %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        max(latest_order) as latest_order
    from insurances
    group by coverage_key
),

covers as (
    select
        {{ key('coverage', ['c.source_system', "'Coverage'", 'c.resource_id']) }} as coverage_key,
        p.patient_key,
        c.payer_id,
        c.payer_name,
        c.plan_type,
        c.member_number,
        c.coverage_order,
        c.status,
        c.is_over,
        c.is_ahead,
        c.period_start_at,
        c.period_end_at,
        c.eligibility_at as verified_at,
        c.eligibility,
        c.eligibility_at,
        c.source_system,
        c.source_ref,
        c.recorded_at
    from {{ ref('stg_fhir__coverage') }} as c
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = c.source_system and p.resource_id = c.patient_resource_id
    union all
    select
        coverage_key,
        patient_key,
        payer_id,
        payer_name,
        plan_type,
        member_number,
        coverage_order,
        case when patient_key is not null and message_order < latest_order then 'replaced' else 'active' end
            as status,
        is_over,
        is_ahead,
        period_start_at,
        period_end_at,
        verified_at,
        nullif(nullif(eligibility, ''), '""') as eligibility,
        eligibility_at,
        source_system,
        source_ref,
        recorded_at
    from by_insurance
)

select
    coverage_key,
    patient_key,
    payer_id,
    payer_name,
    plan_type,
    member_number,
    coverage_order,
    status,
    coalesce(status = 'active', false)
    and not is_over
    and not is_ahead
    and coalesce(eligibility <> 'not_in_force', true) as is_in_force,
    period_start_at,
    {{ open_end('period_end_at') }} as period_end_at,
    coalesce(verified_at, eligibility_at) as verified_at,
    eligibility,
    eligibility_at,
    source_system,
    source_ref,
    recorded_at,
    {{ flags([
        ['no_patient', 'patient_key is null'],
        ['no_payer', 'coalesce(payer_id, payer_name) is null'],
        ['no_member_number', 'member_number is null'],
        ['no_status', 'status is null'],
        ['never_verified', 'coalesce(verified_at, eligibility_at) is null'],
        ['unmapped_eligibility', "eligibility = 'unmapped'"],
    ]) }} as quality_flags
from covers
