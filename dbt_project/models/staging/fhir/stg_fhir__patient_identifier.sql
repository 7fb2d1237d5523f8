-- Grain: one row per identifier of the winning version of a Patient; social security numbers stay behind.
with first_statements as (
    -- When the resource stated the identifier first: its newest version says only that it still does.
    select
        i.source,
        i.id,
        {{ authority_text('i.system') }} as system_text,
        i.value,
        min({{ fhir_order('v') }}) as first_order
    from {{ source('lake', 'fhir__patient_identifier') }} as i
    inner join {{ ref('stg_fhir__version') }} as v on {{ same_version('v', 'i', 'Patient') }}
    group by i.source, i.id, {{ authority_text('i.system') }}, i.value
)

select
    {{ fhir_origin('i') }},
    {{ fhir_order('i') }} as statement_order,
    coalesce(f.first_order, {{ fhir_order('i') }}) as first_order,
    i.ordinal,
    {{ authority_of('a', 'i.system') }} as identifier_authority,
    coalesce(
        nullif({{ mapped('kind', 'i.type_code') }}, 'unmapped'),
        s.identifier_type,
        case when i.type_code is not null then 'unmapped' end
    ) as identifier_type,
    i.type_code as identifier_type_code,
    trim(i.value) as identifier_value,
    coalesce(i.use = 'old', false) or coalesce(i.period_end_at < {{ as_of() }}, false) as is_old
from {{ current_version(
    source('lake', 'fhir__patient_identifier'), ref('stg_fhir__version'), 'Patient'
) }} as i
left join {{ ref('identifier_system') }} as s
    on {{ authority_text('s.system') }} = {{ authority_text('i.system') }}
left join first_statements as f
    on f.source = i.source
    and f.id = i.id
    and f.value = i.value
    and coalesce(f.system_text, '') = coalesce({{ authority_text('i.system') }}, '')
{{ join_authority(ref('stg_hl7v2__authority'), 'a', 'i.system') }}
{{ join_code_map(ref('code_map_identifier_type'), 'kind', 'i.source', 'i.type_code') }}
where
    nullif(trim(i.value), '') is not null
    and coalesce(nullif({{ mapped('kind', 'i.type_code') }}, 'unmapped'), s.identifier_type, '') <> 'SS'
    and coalesce({{ authority_of('a', 'i.system') }}, '') not in (
        'SSA', 'http://hl7.org/fhir/sid/us-ssn'
    )
