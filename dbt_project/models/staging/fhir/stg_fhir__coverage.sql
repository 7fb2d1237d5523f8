{{ config(materialized='table', database='scratch') }}
-- Grain: one row per Coverage resource (winning version) that was not entered in error, with the payer's
-- latest answer about it.
{% set zone = source_zone('c.source') %}
{% set references = ref('stg_fhir__reference') %}
{% set version = ref('stg_fhir__version') %}
with answers as (
    select
        i.source,
        i.coverage_id,
        -- What it says of this cover before what became of the whole question.
        coalesce(cast(i.is_in_force as string), r.outcome) as eligibility_code,
        coalesce(
            {{ fhir_placed_at('r.created_text', 'r.stated_at', source_zone('i.source')) }}, r.stated_at
        ) as eligibility_at,
        r.statement_order
    from {{ current_version(
        source('lake', 'fhir__coverage_eligibility_response'), version, 'CoverageEligibilityResponse'
    ) }} as r
    inner join {{ source('lake', 'fhir__coverage_eligibility_insurance') }} as i on {{ same_row('i', 'r') }}
    where i.coverage_id is not null and coalesce(r.status, 'active') = 'active'
),

latest_answers as (
    select
        source,
        coverage_id,
        {{ latest_by('eligibility_code', time_text('eligibility_at') ~ ' || statement_order') }}
            as eligibility_code,
        max(eligibility_at) as eligibility_at
    from answers
    group by source, coverage_id
),

members as (
    select source, received, line, id, {{ earliest_by('value', 'ordinal') }} as member_number
    from {{ source('lake', 'fhir__coverage_identifier') }}
    where type_code = 'MB'
    group by source, received, line, id
),

payers as (
    select source, id, name
    from {{ current_version(source('lake', 'fhir__organization'), version, 'Organization') }} as organization
)

select
    {{ fhir_origin('c') }},
    {{ fhir_order('c') }} as statement_order,
    coalesce(
        c.patient_id, {{ named_id(references, 'c', 'Coverage', 'beneficiary', 'Patient') }}
    ) as patient_resource_id,
    c.payor_organization_id as payer_id,
    coalesce(c.payor_display, o.name) as payer_name,
    c.type_code as plan_type,
    coalesce(c.subscriber_number, m.member_number) as member_number,
    c.coverage_order,
    c.status,
    {{ is_over('c.period_end_text', 'c.period_end_at') }} as is_over,
    {{ is_ahead('c.period_start_text', 'c.period_start_at') }} as is_ahead,
    {{ fhir_time_at('c.period_start_text', zone) }} as period_start_at,
    {{ fhir_last_at('c.period_end_text', zone) }} as period_end_at,
    e.eligibility_code,
    {{ mapped('eligibility', 'e.eligibility_code') }} as eligibility,
    e.eligibility_at
from {{ current_version(source('lake', 'fhir__coverage'), version, 'Coverage') }} as c
left join members as m on {{ same_row('m', 'c') }}
left join payers as o on o.source = c.source and o.id = c.payor_organization_id
left join latest_answers as e on e.source = c.source and e.coverage_id = c.id
{{ join_code_map(ref('code_map_eligibility'), 'eligibility', 'c.source', 'e.eligibility_code') }}
where coalesce(c.status, '') <> 'entered-in-error'
