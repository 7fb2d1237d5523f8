-- Grain: one row per specialty of a PractitionerRole (winning version), and one for a role without any; with
-- what the role is, and whether it holds at the cut-off.
{% set zone = source_zone('r.source') %}
select
    {{ fhir_origin('r') }},
    {{ fhir_order('r') }} as statement_order,
    coalesce(r.role_code, r.role_text) as role_code,
    coalesce(r.role_display, r.role_text) as role_name,
    k.code_system as specialty_system,
    k.code as specialty_code,
    coalesce(k.display, s.concept_text, k.code) as specialty,
    coalesce(r.is_active, true) and {{ period_holds('r') }} as is_active,
    {{ fhir_time_at('r.period_start_text', zone) }} as period_start_at,
    {{ fhir_last_at('r.period_end_text', zone) }} as period_end_at
from {{ current_version(
    source('lake', 'fhir__practitioner_role'), ref('stg_fhir__version'), 'PractitionerRole'
) }} as r
left join (
    select source, received, line, id, ordinal, min(concept_text) as concept_text
    from {{ source('lake', 'fhir__practitioner_role_specialty') }}
    group by source, received, line, id, ordinal
) as s on {{ same_row('s', 'r') }}
left join {{ chosen_coding(
    "(select *, 'specialty' as element from " ~ source('lake', 'fhir__practitioner_role_specialty') ~ ")",
    ['specialty'], version_keys() ~ ', ordinal', none, ref('coding_rank'), '*',
) }} as k
    on {{ same_row('k', 'r') }} and k.ordinal = s.ordinal
