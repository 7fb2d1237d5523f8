-- Grain: one row per link of the winning version of a Patient that says which of two records replaced the
-- other. A later version without the link takes the merge back.
select
    {{ fhir_origin('l') }},
    {{ fhir_order('l') }} as statement_order,
    l.is_stamped,
    case when l.type = 'replaces' then coalesce(l.other_patient_id, n.target_id) else l.id end
        as prior_resource_id,
    case when l.type = 'replaces' then l.id else coalesce(l.other_patient_id, n.target_id) end
        as surviving_resource_id
from {{ current_version(
    source('lake', 'fhir__patient_link'), ref('stg_fhir__version'), 'Patient'
) }} as l
left join {{ ref('stg_fhir__reference') }} as n
    on {{ same_version('n', 'l', 'Patient') }}
    and n.element = 'link.other'
    and n.ordinal = l.ordinal
    and n.target_type = 'Patient'
where
    l.type in ('replaced-by', 'replaces')
    and coalesce(l.other_patient_id, n.target_id) is not null
    and coalesce(l.other_patient_id, n.target_id) <> l.id
