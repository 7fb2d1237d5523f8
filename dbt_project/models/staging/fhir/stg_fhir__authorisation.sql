{{ config(materialized='table', database='scratch') }}
-- Grain: one row per ClaimResponse resource (winning version) that answers a request for authorisation
-- (use preauthorization). Of several items the one that is furthest from approval counts.
{% set zone = source_zone('r.source') %}
{% set references = ref('stg_fhir__reference') %}
with items as (
    select
        source,
        received,
        line,
        id,
        {{ earliest_by('service_system', 'ordinal') }} as service_system,
        {{ earliest_by('service_code', 'ordinal') }} as service_code,
        {{ earliest_by('coalesce(service_display, service_text)', 'ordinal') }} as service_display,
        {{ earliest_by('quantity_value', 'ordinal') }} as units
    from {{ source('lake', 'fhir__claim_response_added_item') }}
    group by source, received, line, id
),

answers as (
    select
        r.*,
        case
            {% for code in ['A3', 'A4', 'CT', 'A2', 'C'] %}
            when {{ names_one_of("'" ~ code ~ "'", 'r.review_actions') }} then '{{ code }}'
            {% endfor %}
            when r.review_actions is not null then split_part(r.review_actions, ',', 1)
            when r.outcome = 'complete' and r.pre_authorization_number is not null then 'issued'
            else r.outcome
        end as authorisation_status_code
    from {{ current_version(
        source('lake', 'fhir__claim_response'), ref('stg_fhir__version'), 'ClaimResponse'
    ) }} as r
    where r.use = 'preauthorization' and coalesce(r.status, 'active') = 'active'
)

select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    coalesce(
        r.patient_id, {{ named_id(references, 'r', 'ClaimResponse', 'patient', 'Patient') }}
    ) as patient_resource_id,
    r.pre_authorization_number as authorisation_number,
    r.insurer_display as payer_name,
    r.authorisation_status_code,
    {{ mapped('status', 'r.authorisation_status_code') }} as authorisation_status,
    i.service_system as code_system,
    i.service_code as code,
    i.service_display as display,
    cast(i.units as double) as authorised_units,
    {{ fhir_placed_at('r.created_text', 'r.stated_at', zone) }} as decided_at,
    {{ fhir_time_at('r.period_start_text', zone) }} as period_start_at,
    {{ fhir_last_at('r.period_end_text', zone) }} as expires_at
from answers as r
left join items as i on {{ same_row('i', 'r') }}
{{ join_code_map(
    ref('code_map_authorisation_status'), 'status', 'r.source', 'r.authorisation_status_code'
) }}
