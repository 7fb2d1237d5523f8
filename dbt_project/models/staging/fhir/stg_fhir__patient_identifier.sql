-- Grain: one row per identifier of the winning version of a Patient; social security numbers stay behind.
select
    {{ fhir_origin('i') }},
    i.ordinal,
    i.use as identifier_use,
    coalesce(s.authority, i.system, i.source) as identifier_authority,
    coalesce({{ mapped('kind', 'i.type_code') }}, s.identifier_type, 'unknown') as identifier_type,
    i.value as identifier_value,
    case when s.system is not null then 0 else 1 end as authority_rank
from {{ current_version(
    source('lake', 'fhir__patient_identifier'), ref('stg_fhir__version'), 'Patient'
) }} as i
left join {{ ref('identifier_system') }} as s on s.system = i.system
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'i.source', 'i.type_code') }}
where
    i.value is not null
    and coalesce(i.type_code, s.identifier_type, '') not in ('SS', 'SSN')
    and coalesce(i.system, '') <> 'http://hl7.org/fhir/sid/us-ssn'
