{{ config(materialized='table', database='scratch') }}
-- Grain: one row per identifier of a stored version of a resource, with what it is good for (seeds
-- identifier_role and identifier_use): the lowest rank names the object best. `bearers` counts the
-- current resources of the source that have the same one.
{% set objects = [
    ('Appointment', 'appointment', source('lake', 'fhir__appointment_identifier')),
    ('Encounter', 'encounter', source('lake', 'fhir__encounter_identifier')),
    ('Location', 'location', source('lake', 'fhir__location_identifier')),
    ('Practitioner', 'practitioner', source('lake', 'fhir__practitioner_identifier')),
    ('ServiceRequest', 'order', source('lake', 'fhir__service_request_identifier')),
] %}
with identifiers as (
    {% for resource_type, object, relation in objects %}
    select
        '{{ resource_type }}' as resource_type,
        '{{ object }}' as object,
        i.source,
        i.received,
        i.line,
        i.id,
        i.ordinal,
        i.use,
        i.type_code,
        i.system,
        i.value
    from {{ relation }} as i
    where i.value is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
),

typed as (
    select
        i.*,
        {{ authority_of('a', 'i.system') }} as authority,
        -- What the seed knows of a system says more than a type that the sender chose.
        coalesce(s.identifier_type, {{ mapped('kind', 'i.type_code') }}) as identifier_type
    from identifiers as i
    left join {{ ref('identifier_system') }} as s
        on {{ authority_text('s.system') }} = {{ authority_text('i.system') }}
    {{ join_authority(ref('stg_hl7v2__authority'), 'a', 'i.system') }}
    {{ join_code_map(ref('code_map_identifier_type'), 'kind', 'i.source', 'i.type_code') }}
),

bearers as (
    select
        t.source,
        t.resource_type,
        t.authority,
        t.value,
        count(distinct t.id) as bearers
    from typed as t
    inner join {{ ref('stg_fhir__version') }} as winner
        on winner.source = t.source
        and winner.received = t.received
        and winner.line = t.line
        and winner.id = t.id
        and winner.resource_type = t.resource_type
        and winner.is_current
    group by t.source, t.resource_type, t.authority, t.value
)

select
    t.source,
    t.received,
    t.line,
    t.id,
    t.resource_type,
    t.ordinal,
    t.authority,
    t.identifier_type,
    t.value,
    case when coalesce(u.identifies, 'true') = 'true' then r.role else 'never' end as role,
    10 * cast(coalesce(r.rank, '9') as integer) + cast(coalesce(u.rank, '2') as integer) as identifier_rank,
    coalesce(b.bearers, 1) as bearers
from typed as t
left join bearers as b
    on b.source = t.source
    and b.resource_type = t.resource_type
    and coalesce(b.authority, '') = coalesce(t.authority, '')
    and b.value = t.value
left join {{ ref('identifier_role') }} as r
    on r.identifier_type = t.identifier_type
    and (r.object = t.object or (t.object = 'order' and r.object = 'referral'))
left join {{ ref('identifier_use') }} as u on u.use = t.use
