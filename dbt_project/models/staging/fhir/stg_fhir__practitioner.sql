{{ config(materialized='table', database='scratch') }}
-- Grain: one row per Practitioner resource (winning version), under the key of its NPI or its own id. An NPI
-- that several Practitioners of a source bear is that of their organization.
with provider_numbers as (
    select
        source,
        received,
        line,
        id,
        min(value) as npi
    from {{ ref('stg_fhir__identifier') }}
    where
        resource_type = 'Practitioner'
        and identifier_type = 'NPI'
        and role = 'identifies'
        and bearers = 1
        -- One that names the authority itself need not pass the check.
        and (authority = 'NPI' or {{ is_npi('value') }})
    group by source, received, line, id
)

select
    {{ fhir_origin('p') }},
    {{ fhir_order('p') }} as statement_order,
    {{ key('practitioner', [
        "case when n.npi is null then p.source else 'NPI' end", 'coalesce(n.npi, p.id)'
    ]) }} as practitioner_key,
    n.npi,
    coalesce(p.is_active, true) as is_active,
    p.family_name,
    p.given_names,
    coalesce(p.name_text, concat_ws(' ', p.prefix, p.given_names, p.family_name)) as display_name
from {{ current_version(
    source('lake', 'fhir__practitioner'), ref('stg_fhir__version'), 'Practitioner'
) }} as p
left join provider_numbers as n on {{ same_row('n', 'p') }}
