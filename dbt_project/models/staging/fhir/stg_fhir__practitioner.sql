{{ config(materialized='table', database='scratch') }}
-- Grain: one row per Practitioner resource (winning version), under the key of its NPI or its own id.
select
    {{ fhir_origin('p') }},
    {{ fhir_order('p') }} as statement_order,
    {{ key('practitioner', [
        "case when p.npi is null then p.source else 'NPI' end", 'coalesce(p.npi, p.id)'
    ]) }} as practitioner_key,
    p.npi,
    p.family_name,
    p.given_names,
    coalesce(p.name_text, concat_ws(' ', p.prefix, p.given_names, p.family_name)) as display_name
from {{ current_version(
    source('lake', 'fhir__practitioner'), ref('stg_fhir__version'), 'Practitioner'
) }} as p
