-- Grain: one row per Schedule resource (winning version).
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('s') }},
    coalesce(
        s.practitioner_id, {{ named_id(references, 's', 'Schedule', 'actor', 'Practitioner') }}
    ) as practitioner_resource_id,
    coalesce(
        s.location_id, {{ named_id(references, 's', 'Schedule', 'actor', 'Location') }}
    ) as location_resource_id,
    coalesce(t.code, y.code) as service_type,
    {{ has_modifier(ref('modifier'), 'Schedule', 'left_out', [['active', 's.is_active']]) }} as is_left_out
from {{ current_version(source('lake', 'fhir__schedule'), ref('stg_fhir__version'), 'Schedule') }} as s
left join {{ chosen_coding(
    source('lake', 'fhir__schedule_concept'), ['serviceType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as t
    on {{ same_row('t', 's') }}
left join {{ chosen_coding(
    source('lake', 'fhir__schedule_concept'), ['specialty'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as y
    on {{ same_row('y', 's') }}
