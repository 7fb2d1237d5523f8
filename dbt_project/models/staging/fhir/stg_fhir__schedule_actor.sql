-- Grain: one row per practitioner and location whose calendar a Schedule (winning version) is; a role stands
-- for its person. A Schedule of several people is that of each of them.
{% set references = ref('stg_fhir__reference') %}
with actors as (
    select
        a.source,
        a.id,
        coalesce(
            a.practitioner_id,
            case when named.target_type = 'Practitioner' then named.target_id end,
            r.practitioner_resource_id
        ) as practitioner_resource_id,
        coalesce(
            a.location_id,
            case when named.target_type = 'Location' then named.target_id end,
            r.location_resource_id
        ) as location_resource_id
    from {{ current_version(
        source('lake', 'fhir__schedule_actor'), ref('stg_fhir__version'), 'Schedule'
    ) }} as a
    left join {{ references }} as named
        on {{ same_version('named', 'a', 'Schedule') }}
        and named.element = 'actor'
        and named.ordinal = a.ordinal
    left join {{ ref('stg_fhir__practitioner_role') }} as r
        on r.source_system = a.source
        and r.resource_id = coalesce(
            a.practitioner_role_id, case when named.target_type = 'PractitionerRole' then named.target_id end
        )
),

locations as (
    select source, id, min(location_resource_id) as location_resource_id
    from actors
    group by source, id
)

select distinct
    a.source as source_system,
    a.id as resource_id,
    a.practitioner_resource_id,
    coalesce(a.location_resource_id, l.location_resource_id) as location_resource_id
from actors as a
inner join locations as l on l.source = a.source and l.id = a.id
where a.practitioner_resource_id is not null
