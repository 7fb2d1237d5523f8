{{ config(materialized='table', database='scratch') }}
-- Grain: one row per AllergyIntolerance resource (winning version) that was not entered in error: such a one
-- takes back what it stated itself, and nothing that others state of the same substance.
{% set zone = source_zone('a.source') %}
{% set references = ref('stg_fhir__reference') %}
with reactions as (
    select
        source,
        received,
        line,
        id,
        {{ earliest_by('severity', "case severity when 'severe' then 1 when 'moderate' then 2 else 3 end") }}
            as severity,
        {{ earliest_by('substance_system', 'ordinal') }} as substance_system,
        {{ earliest_by('substance_code', 'ordinal') }} as substance_code,
        {{ earliest_by('substance_display', 'ordinal') }} as substance_display
    from {{ source('lake', 'fhir__allergy_intolerance_reaction') }}
    group by source, received, line, id
)

select
    {{ fhir_origin('a') }},
    {{ fhir_order('a') }} as statement_order,
    coalesce(
        a.patient_id, {{ named_id(references, 'a', 'AllergyIntolerance', 'patient', 'Patient') }}
    ) as patient_resource_id,
    -- Some name the substance where they describe the reaction, and nowhere else.
    case when k.id is null and a.code_text is null then r.substance_system else k.code_system end
        as code_system,
    case when k.id is null and a.code_text is null then r.substance_code else k.code end as code,
    coalesce(k.display, a.code_text, r.substance_display) as display,
    a.type as allergy_type,
    a.categories as category_codes,
    a.criticality,
    r.severity as severity_code,
    {{ mapped('severity', 'r.severity') }} as severity,
    a.clinical_status_code as clinical_status,
    a.verification_status_code as verification_status,
    {{ fhir_placed_at('a.recorded_text', 'a.stated_at', zone) }} as noted_at
from {{ current_version(
    source('lake', 'fhir__allergy_intolerance'), ref('stg_fhir__version'), 'AllergyIntolerance'
) }} as a
left join reactions as r on {{ same_row('r', 'a') }}
left join {{ chosen_coding(
    codings_of(source('lake', 'fhir__allergy_intolerance_coding'), 'code'), ['code'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as k
    on {{ same_row('k', 'a') }}
{{ join_code_map(ref('code_map_allergy_severity'), 'severity', 'a.source', 'r.severity') }}
where coalesce(a.verification_status_code, '') <> 'entered-in-error'
